// Charts: inline SVG, drawn at the true pixel width so that text keeps its size.
const LONGEST_LIFE = 336; // hours; the axis of time left ends at a fortnight
const LIFE_TICKS = [
  [0, "now"],
  [24, "1 d"],
  [72, "3 d"],
  [168, "7 d"],
  [336, "14 d"],
];
const TREND_AHEAD = 96; // hours shown after now

// A square-root axis: hours stay visible beside days.
const lifeX = (hours, width) => Math.sqrt(Math.min(hours, LONGEST_LIFE) / LONGEST_LIFE) * width;
const stageColour = (machine) => ({ ACT: "var(--act)", WATCH: "var(--watch)" })[machine.stage] || "var(--nrm)";

function lifeAxis(width) {
  const stop = hoursToStop();
  const labels = LIFE_TICKS.map(([hours, label], i) => {
    if ((width < 120 || isStale()) && i % 2) return "";
    const anchor = i === 0 ? "start" : i === LIFE_TICKS.length - 1 ? "end" : "middle";
    const text = isStale() && i === 0 ? timeOfDay(fleetPage.data_until) : label;
    return `<text x="${lifeX(hours, width)}" y="31" text-anchor="${anchor}">${text}</text>`;
  });
  const x = stop > 0 ? lifeX(stop, width) : null;
  const mark =
    x == null
      ? ""
      : `<path d="M${x - 4} 14h8l-4 6z" fill="var(--ink)"/><text x="${x}" y="9" text-anchor="middle" style="fill:var(--ink)">planned stop</text>`;
  return raw(`<svg class="axis" width="${width}" height="34" aria-hidden="true">${labels.join("")}${mark}</svg>`);
}

// P10 to P90 as a bar, P50 as a tick. Filled: may end before the planned stop; hollow: after it.
function lifeBar(machine, width) {
  if (!machine.life) return "";
  const stop = hoursToStop();
  const start = lifeX(machine.life.p10, width);
  const end = Math.max(start + 3, lifeX(machine.life.p90, width));
  const filled = stop > 0 ? Math.max(start, Math.min(end, lifeX(stop, width))) : end;
  const edge = machine.stage === "WATCH" ? "var(--watchLn)" : stageColour(machine);
  const bar = (name, x, until, fill) =>
    `<rect class="${name}" x="${x}" y="5.5" width="${until - x}" height="7" rx="1" fill="${fill}" stroke="${edge}"/>`;
  return raw(
    `<svg width="${width}" height="18" aria-hidden="true"><path d="M0 9h${width}" stroke="var(--ln)"/>` +
      (stop > 0 ? `<path d="M${lifeX(stop, width)} -6v30" stroke="var(--ln2)" stroke-dasharray="2 3"/>` : "") +
      bar("bar1", start, end, "var(--sf)") +
      (filled > start ? bar("bar2", start, filled, stageColour(machine)) : "") +
      `<path d="M${lifeX(machine.life.p50, width)} 2.5v13" stroke="var(--ink)" stroke-width="2"/></svg>`,
  );
}

// The values' range, its own normal included; with limits, up to the next limit that is near.
function valueRange(channel, withLimits) {
  const values = channel.values.filter((value) => value != null).concat(channel.normal || []);
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (withLimits) {
    const next = channel.limits.map((limit) => limit.at).find((at) => at > high);
    if (next && next < high * 2.1) high = next;
    if (channel.from_zero) low = 0;
  }
  const margin = (high - low || 1) * 0.08;
  return [withLimits && channel.from_zero ? 0 : low - margin, high + margin];
}

// A line through the values; a missing one is never bridged.
function valuePath(values, x, y) {
  let path = "";
  let isDrawing = false;
  values.forEach((value, i) => {
    if (value != null) path += `${isDrawing ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    isDrawing = value != null;
  });
  return path;
}

const limitPassed = (channel) => channel.limits.filter((limit) => lastValue(channel) >= limit.at).at(-1);
const limitColour = (limit) => ({ ACT: "var(--act)", WATCH: "var(--watch)" })[limit?.stage];

function sparkline(channel, width, height = 24) {
  const last = lastIndex(channel);
  if (last < 0) return raw(`<svg width="${width}" height="${height}"></svg>`);
  const [low, high] = valueRange(channel);
  const x = (i) => (i / (channel.values.length - 1)) * (width - 4) + 1;
  const y = (value) => height - 2 - ((value - low) / (high - low)) * (height - 4);
  const colour = limitColour(limitPassed(channel));
  const band = channel.normal
    ? `<rect x="0" width="${width}" y="${y(channel.normal[1])}" height="${Math.max(1, y(channel.normal[0]) - y(channel.normal[1]))}" fill="var(--band)"/>`
    : "";
  const silence =
    last < channel.values.length - 1
      ? `<path d="M${x(last) + 3} ${height / 2}H${width}" stroke="var(--sil)" stroke-width="1.5" stroke-dasharray="2 3"/>`
      : "";
  return raw(
    `<svg width="${width}" height="${height}" aria-hidden="true">${band}` +
      `<path d="${valuePath(channel.values, x, y)}" fill="none" stroke="var(--line)" stroke-width="1.25" stroke-linejoin="round"/>${silence}` +
      `<circle cx="${x(last)}" cy="${y(lastValue(channel))}" r="${colour ? 3.5 : 2}" fill="${colour || "var(--ink)"}" ${colour ? 'stroke="var(--ink)"' : ""}/></svg>`,
  );
}

const channelSummary = (channel) => {
  const values = channel.values.filter((value) => value != null);
  if (!values.length) return "no data";
  const usual = channel.normal
    ? `, usually ${quantity(channel, channel.normal[0])} to ${quantity(channel, channel.normal[1])}`
    : "";
  return `from ${quantity(channel, values[0])} to ${quantity(channel, values.at(-1))} ${channel.unit}, highest ${quantity(channel, Math.max(...values))}${usual}`;
};

// Fourteen days back and four ahead: events on a lane on top, own normal as a band, limits dashed and named.
function trendChart(channel, machine, width) {
  const [height, left, right, top, bottom] = [172, 34, 58, 24, 22];
  const [low, high] = valueRange(channel, true);
  const back = (channel.values.length - 1) * fleetPage.trend.step_h;
  const end = +new Date(fleetPage.trend.start) + back * HOUR;
  const x = (hours) => left + ((hours + back) / (back + TREND_AHEAD)) * (width - left - right);
  const xAt = (i) => x((i - channel.values.length + 1) * fleetPage.trend.step_h);
  const y = (value) => top + ((high - value) / (high - low)) * (height - top - bottom);
  const frame = { width, height, left, right, top, bottom, low, high, back, end, x, xAt, y };
  const body = [
    `<rect x="${x(0)}" y="${top}" width="${x(TREND_AHEAD) - x(0)}" height="${height - top - bottom}" fill="var(--bg)"/>`,
    channel.normal
      ? `<rect x="${left}" width="${x(0) - left}" y="${y(channel.normal[1])}" height="${Math.max(1, y(channel.normal[0]) - y(channel.normal[1]))}" fill="var(--band)"/>`
      : "",
    trendScales(frame),
    trendLimits(channel, frame),
    `<path d="M${left} ${height - bottom}H${width - right}" stroke="var(--ln2)"/><path d="M${x(0)} ${top - 4}V${height - bottom}" stroke="var(--ink)"/><text x="${x(0) + 5}" y="${top - 8}">${isStale() ? "data end" : "now"}</text>`,
    trendEvents(machine, frame),
    trendGaps(channel, frame),
    trendLine(channel, frame),
    trendLife(machine, frame),
  ].join("");
  const label = escapeHtml(`${channel.name}, last 14 days: ${channelSummary(channel)}`);
  return raw(
    `<svg height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}"><defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0 0v6" stroke="var(--hat)" stroke-width="3"/></pattern></defs>${body}</svg>`,
  );
}

function trendScales({ width, height, left, bottom, low, high, back, end, x, y }) {
  const marks = [];
  const step =
    [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500].find((size) => (high - low) / size <= 5) || (high - low) / 4;
  for (let value = Math.ceil(low / step) * step; value <= high; value += step)
    marks.push(`<text x="${left - 6}" y="${y(value) + 4}" text-anchor="end">${+value.toFixed(1)}</text>`);
  const offset = fleetPage.utc_offset_min * MINUTE;
  const isNarrow = width < 520;
  for (
    let day = Math.ceil((end - back * HOUR + offset) / DAY) * DAY - offset;
    day < end + TREND_AHEAD * HOUR;
    day += DAY
  ) {
    const at = x((day - end) / HOUR);
    const date = new Date(day + offset);
    marks.push(`<path d="M${at} ${height - bottom}v4" stroke="var(--ln2)"/>`);
    if ((date.getUTCDay() + (isNarrow ? 6 : 0)) % (isNarrow ? 7 : 2) === (isNarrow ? 0 : 1))
      marks.push(
        `<text x="${at}" y="${height - 5}" text-anchor="middle">${DAYS[date.getUTCDay()]} ${date.getUTCDate()}</text>`,
      );
  }
  return marks.join("");
}

const trendLimits = (channel, { width, left, right, low, high, y }) =>
  channel.limits
    .filter((limit) => limit.at < high && limit.at > low)
    .map(
      (limit) =>
        `<path d="M${left} ${y(limit.at)}H${width - right}" stroke="var(--ln2)" stroke-dasharray="${limit.stage ? "5 3" : "1 4"}"/><text x="${width - right + 5}" y="${y(limit.at) + 4}">${escapeHtml(limit.name)} ${limit.at}</text>`,
    )
    .join("");

const trendEvents = (machine, { height, bottom, back, end, x }) =>
  machine.events
    .map((event) => [event, (+new Date(event.at) - end) / HOUR])
    .filter(([, hours]) => hours >= -back)
    .map(([event, hours]) => {
      const at = x(hours);
      const title = escapeHtml(`${when(event.at)}: ${event.text}`);
      return `<g>${eventShape(event.kind, at, 10, event.stage)}<path d="M${at} 17V${height - bottom}" stroke="var(--ln2)" stroke-dasharray="${event.kind === "failure" ? "0" : "1 3"}"/><title>${title}</title></g>`;
    })
    .join("");

function trendGaps(channel, { height, top, bottom, xAt }) {
  const gaps = [];
  let start = null;
  channel.values.concat(0).forEach((value, i) => {
    if (value == null) start ??= i;
    else if (start != null) {
      const from = xAt(Math.max(0, start - 1));
      const size = xAt(Math.min(channel.values.length - 1, i)) - from;
      gaps.push(`<rect x="${from}" y="${top}" width="${size}" height="${height - top - bottom}" fill="url(#hatch)"/>`);
      if (size > 46)
        gaps.push(`<text x="${from + size / 2}" y="${height - bottom - 6}" text-anchor="middle">no data</text>`);
      start = null;
    }
  });
  return gaps.join("");
}

function trendLine(channel, { top, xAt, y }) {
  const line = `<path d="${valuePath(channel.values, xAt, y)}" fill="none" stroke="var(--line)" stroke-width="1.75" stroke-linejoin="round"/>`;
  const last = lastIndex(channel);
  if (last < 0) return line;
  const value = lastValue(channel);
  const colour = limitColour(limitPassed(channel)) || "var(--ink)";
  return `${line}<circle cx="${xAt(last)}" cy="${y(value)}" r="4" fill="${colour}" stroke="var(--ink)"/><text class="k" x="${xAt(last) - 8}" y="${Math.max(top + 10, y(value) - 6)}" text-anchor="end">${quantity(channel, value)}</text>`;
}

function trendLife(machine, { width, height, bottom, x, top }) {
  const marks = [];
  if (machine.life && !isStale()) {
    const middle = height - bottom - 9;
    const { p10, p50, p90 } = machine.life;
    if (p10 >= TREND_AHEAD)
      marks.push(
        `<text x="${x(TREND_AHEAD) - 4}" y="${middle + 3}" text-anchor="end">holds past ${Math.floor(p10 / 24)} d ▸</text>`,
      );
    else {
      const [from, until] = [x(p10), x(Math.min(p90, TREND_AHEAD))];
      marks.push(
        `<rect x="${from}" y="${middle - 4}" width="${Math.max(3, until - from)}" height="8" fill="${stageColour(machine)}" stroke="var(--ink)" stroke-width=".75"/>`,
      );
      if (width > 600)
        marks.push(`<text class="k" x="${from}" y="${middle - 9}">${lifeSpan(machine.life).join(" ")}</text>`);
      if (p50 < TREND_AHEAD) marks.push(`<path d="M${x(p50)} ${middle - 7}v14" stroke="var(--ink)" stroke-width="2"/>`);
    }
  }
  const stop = hoursToStop();
  if (stop > 0 && stop < TREND_AHEAD)
    marks.push(
      `<path d="M${x(stop) - 4} ${top - 12}h8l-4 6zM${x(stop)} ${top - 4}V${height - bottom}" fill="var(--ink)" stroke="var(--ln2)" stroke-dasharray="2 3"/>`,
    );
  return marks.join("");
}
