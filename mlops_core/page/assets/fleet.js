// The fleet, worst first: what hands must do today, which machine first, and why.
const GROUPS = [
  ["Now", "stop it, or repair it: hours"],
  ["Plan", "days"],
  ["Not watched", "no readings, so no figures: somebody has to look"],
  ["Standing still, or new", "no prediction, on purpose"],
  ["Running as usual", "nothing to do"],
];
const STATES = ["FAILED", "SILENT", "RUNNING", "IN MAINTENANCE", "OFF", "NEW"];
const PAGE_SIZE = 60;
const filter = { only: "", text: "", machineClass: "", page: 1 };

const isOf = (machine, name) => machine.stage === name || machine.state === name;
const countOf = (name) => fleetPage.machines.filter((machine) => isOf(machine, name)).length;

function fleetHeading() {
  const [act, failed, watch, silent] = ["ACT", "FAILED", "WATCH", "SILENT"].map(countOf);
  const calm = fleetPage.machines.filter((machine) => urgency(machine) === 4).length;
  if (!fleetPage.machines.length) return "No machine has reported yet";
  const todo = [act && `stop ${act}`, failed && `repair ${failed}`, watch && `plan ${watch}`]
    .filter(Boolean)
    .join(", ");
  const unheard = silent && `${silent} ${silent === 1 ? "is" : "are"} silent`;
  const finding = [todo, unheard].filter(Boolean).join("; ");
  if (!finding)
    return calm
      ? `All ${count(calm)} run as usual.`
      : `${count(fleetPage.machines.length)} machines, none with anything to do.`;
  return `${finding[0].toUpperCase()}${finding.slice(1)}. ${count(calm)} ${calm === 1 ? "runs" : "run"} as usual.`;
}

function fleetView(only) {
  if (filter.only !== only) filter.page = 1;
  filter.only = only;
  const heading = fleetHeading();
  const stop = fleetPage.planned_stop;
  const classes = [...new Set(fleetPage.machines.map((machine) => machine.machine_class).filter(Boolean))].sort();
  const state = (name) => {
    const number = countOf(name);
    const href = filter.only === name ? "#/fleet" : `#/fleet/${name}`;
    const classNames = `${number ? "" : "z"} ${COLOURED.includes(name) ? "c1" : "c2"}`;
    return h`<a href="${href}" class="${classNames}" ${raw(filter.only === name ? 'aria-current="true"' : "")}>${
      number ? badge(name) : h`<span class="st n">${name}</span>`
    }<b>${count(number)}</b></a>`;
  };
  return h`
    <div class="prt phead"><b>${fleetPage.site}: shift handover</b><span>${dayOf(now)}, ${timeOfDay(now)}. Data until ${when(fleetPage.data_until)}.</span></div>
    ${staleBanner()}
    <div class="lead">
      <div><h1 tabindex="-1">${isStale() ? `At ${when(fleetPage.data_until)}: ${heading}` : heading}</h1>
        ${stop && h`<p>Next planned stop: ${when(stop.at)}, ${stop.text}.</p>`}
        ${fleetPage.model.ready ? "" : h`<p>${fleetPage.model.text}</p>`}
      </div>
      <div class="find ${fleetPage.machines.length > PAGE_SIZE ? "" : "few"}">
        <label class="vh" for="find-text">Find a machine</label>
        <input id="find-text" type="search" placeholder="Find a machine" value="${filter.text}" size="14">
        ${
          classes.length > 1 &&
          h`<label class="vh" for="find-class">Class</label><select id="find-class"><option value="">All classes</option>${classes.map(
            (name) => h`<option ${raw(filter.machineClass === name ? "selected" : "")}>${name}</option>`,
          )}</select>`
        }
      </div>
    </div>
    <nav class="counts" aria-label="Show only one state">
      <a class="c2 all" href="#/fleet" ${raw(filter.only ? "" : 'aria-current="true"')}><span class="st n">ALL</span><b>${count(fleetPage.machines.length)}</b></a>
      ${state("ACT")}${state("WATCH")}<span class="gap"></span>${STATES.map(state)}
    </nav>
    <div id="list">${fleetTable()}</div>
    <div class="prt"><p class="b" style="margin-top:6mm">Notes for the next shift</p><div class="rule"></div><div class="rule"></div>
      <div class="sign"><div>Handed over (shift, role, time)</div><div>Taken over (shift, role, time)</div><div>Seen by maintenance lead</div></div></div>`;
}

const matches = (machine) =>
  (!filter.only || isOf(machine, filter.only)) &&
  (!filter.machineClass || machine.machine_class === filter.machineClass) &&
  `${machine.id} ${machine.place}`.toLowerCase().includes(filter.text.trim().toLowerCase());

function fleetTable() {
  const found = fleetPage.machines.filter(matches);
  const calm = found.filter((machine) => urgency(machine) > 2);
  const shown = isPrinted && fleetPage.machines.length > 120 ? found.filter((machine) => urgency(machine) < 3) : found;
  if (!found.length)
    return h`<p class="box" style="padding:20px">No machine matches. <a href="#/fleet">Show all</a></p>`;
  const size = isPrinted ? Infinity : PAGE_SIZE;
  const pages = Math.max(1, Math.ceil(shown.length / size));
  filter.page = Math.min(filter.page, pages);
  const from = pages === 1 ? 0 : (filter.page - 1) * size;
  const rows = shown.slice(from, from + size);
  const lifeWidth = isPhone() ? Math.min(520, innerWidth - 156) : isPrinted ? 64 : viewWidth() > 1000 ? 140 : 100;
  const sparkWidth = isPhone() ? Math.min(320, innerWidth - 264) : 58;
  const groups = GROUPS.map((words, group) => [words, group, rows.filter((machine) => urgency(machine) === group)]).filter(
    ([, , own]) => own.length,
  );
  const columns = isPrinted ? 6 : isPhone() || viewWidth() > 1180 ? 10 : viewWidth() > 1000 ? 7 : 6;
  const [first, second] = fleetPage.columns;
  return h`<div class="box fl"><table class="fleet" role="table"><caption class="vh">Machines, worst first</caption>
    <colgroup><col style="width:${isPrinted ? 112 : 128}px" class="c-st"><col style="width:${isPrinted ? 152 : 174}px"><col>
      <col style="width:${lifeWidth + (isPrinted ? 84 : 98)}px"><col style="width:${isPrinted ? 48 : 54}px"><col style="width:58px" class="c-an"><col style="width:60px">
      <col style="width:${sparkWidth + 50}px" class="c-vib"><col style="width:${sparkWidth + 50}px" class="c-tmp"><col style="width:56px" class="c-dt"></colgroup>
    <thead role="rowgroup"><tr role="row"><th role="columnheader">State</th><th role="columnheader">Machine</th><th role="columnheader">Why</th>
      <th role="columnheader"><div class="lf"><span class="t">Time left,<br>P10 to P90</span>${fleetPage.model.ready ? lifeAxis(lifeWidth) : ""}</div></th>
      <th role="columnheader" class="r">Fails in ${fleetPage.model.horizon_h} h</th><th role="columnheader" class="r c-an">Off its normal</th><th role="columnheader">ISO zone</th>
      <th role="columnheader" class="c-vib">${first && columnHead(first)}</th><th role="columnheader" class="c-tmp">${second && columnHead(second)}</th>
      <th role="columnheader" class="r c-dt">Last heard</th></tr></thead>
    ${groups.map(([[title, meaning], group, own]) => {
      const all = found.filter((machine) => urgency(machine) === group).length;
      return h`<tbody role="rowgroup"><tr role="row" class="g"><th role="rowheader" colspan="${columns}" scope="rowgroup">${title} <span>${meaning} · ${count(all)}</span></th></tr>
        ${own.map((machine) => fleetRow(machine, lifeWidth, sparkWidth))}</tbody>`;
    })}</table></div>
    ${isPrinted && shown.length < found.length ? h`<p class="prt easy"><b>Nothing to do · ${count(calm.length)} machines.</b> Not printed.</p>` : ""}
    ${
      fleetPage.model.ready &&
      h`<p class="key" style="margin:8px 0 0"><span>Time left: of ten machines in this condition nine last longer than P10, the first figure, and one longer than P90. Tick: P50.</span>${
        fleetPage.planned_stop && h`<span>Filled bar: may end before the planned stop. Hollow: after it.</span>`
      }</p>`
    }
    ${
      pages > 1 &&
      h`<nav class="pager" aria-label="Pages"><button data-page="${filter.page - 1}" ${raw(filter.page === 1 ? "disabled" : "")}>‹ Worse</button>
        <span>Machines ${from + 1} to ${from + rows.length} of ${count(shown.length)}, worst first</span>
        <button data-page="${filter.page + 1}" ${raw(filter.page === pages ? "disabled" : "")}>Better ›</button></nav>`
    }`;
}

const columnHead = (column) => h`${column.short},<br>${column.unit}, 14 d`;

function fleetRow(machine, lifeWidth, sparkWidth) {
  const isException = urgency(machine) < 3;
  const name = machine.stage || machine.state;
  const isUnheard = machine.stage && machine.state === "SILENT";
  const [reason] = machine.reasons;
  const spark = (column) => {
    const channel = column && machine.channels.find((own) => own.key === column.key);
    return (
      channel &&
      h`<div class="sp">${sparkline(channel, sparkWidth)}<span>${quantity(channel, lastValue(channel))}</span></div>`
    );
  };
  const why = isException
    ? h`<div class="why">${reason?.text || machine.note}</div><div class="own">${
        reason?.since &&
        h`<span>since ${when(reason.since)}${
          machine.reasons.length > 1 ? `, +${machine.reasons.length - 1}` : ""
        }</span>`
      }${alarmLine(machine, true) || (machine.look && h`<span>Look at: ${machine.look}</span>`)}</div>`
    : h`<span class="dim">${machine.note || machine.place}</span>`;
  return h`<tr role="row" class="${isException ? `x ${name}` : "u"}">
    <td role="cell" class="c-st">${badge(name)}${isUnheard && h` ${badge(machine.state)}`}</td>
    <td role="cell" class="c-id">${isException ? "" : h`<span class="ph">${name === "RUNNING" ? icon(name) : badge(name)} </span>`}<a class="id" href="#/machine/${machine.id}">${machine.id}</a>${
      isException && machine.place && h`<div class="sm dim">${machine.place}</div>`
    }</td>
    <td role="cell" class="c-why">${why}</td>
    <td role="cell" class="c-lf ${machine.life ? "" : "none"}" data-l="Time left, P10 to P90">${lifeCell(machine, lifeWidth, isException)}</td>
    <td role="cell" class="c-p r ${machine.failure_probability == null ? "none" : ""}" data-l="In ${fleetPage.model.horizon_h} h">${emphasised(machine.failure_probability, 0.1, percent)}</td>
    <td role="cell" class="c-an r ${machine.anomaly == null ? "none" : ""}" data-l="Off normal">${emphasised(machine.anomaly, 1, (value) => `${value.toFixed(1)} ×`)}</td>
    <td role="cell" class="c-zn ${machine.zone ? "" : "none"}" data-l="Zone">${machine.zone && zoneMark(machine.zone)}</td>
    <td role="cell" class="c-vib" data-l="${fleetPage.columns[0]?.short || ""}">${spark(fleetPage.columns[0])}</td>
    <td role="cell" class="c-tmp">${spark(fleetPage.columns[1])}</td>
    <td role="cell" class="c-dt r nw ${heardAgo(machine) > fleetPage.stale_after_min * MINUTE ? "b" : "dim"}">${machine.last ? duration(heardAgo(machine), false) : "never"}</td></tr>`;
}

const emphasised = (value, above, text) =>
  value == null ? "" : value > above ? h`<b>${text(value)}</b>` : h`<span class="dim">${text(value)}</span>`;

function lifeCell(machine, width, isException) {
  if (machine.life)
    return h`<div class="lf"><span class="t">${isPhone() && h`<span class="vh">hours left </span>`}${lifeText(machine.life)}</span><span class="ch0">${lifeBar(machine, width)}</span></div>
      ${stopWords(machine)}${machine.trust && h`<div class="gs"><span class="guess">? a guess</span></div>`}`;
  if (!isException) return "";
  const text =
    machine.state === "FAILED" && machine.since ? `down ${duration(now - new Date(machine.since), false)}` : "unknown";
  return h`<div class="lf"><span class="t dim">${text}</span></div>`;
}
