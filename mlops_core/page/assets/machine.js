// One machine: what to do, why, each channel's fortnight, the figures and the history.
const EVENT_WORDS = { failure: "Failure", repair: "Repair", alarm: "Alarm" };

function machineSentence(machine) {
  const life = machine.life;
  if (isStale() && life) {
    const hasPassed = now - new Date(fleetPage.data_until) > life.p10 * HOUR;
    return h`<b>${hasPassed ? "Go to the machine now: its lower figure has passed." : machine.stage ? "Go and look." : ""}</b>
      At ${when(fleetPage.data_until)} it had ${lifeSpan(life).join(" ")} left. Nothing is known since.`;
  }
  const since = machine.since ? ` ${when(machine.since)}` : "";
  if (machine.state === "FAILED")
    return h`<b>Failed${since}.</b> No prediction is made for a machine that stands. Record the repair when it is back.`;
  if (machine.state === "SILENT")
    return h`<b>${machine.stage ? `${machine.stage} when last heard, and nobody` : "Nobody"} watches this machine.</b> ${machine.last ? `Nothing heard since ${when(machine.last)}.` : "It was never heard."} Whether it runs is not known here.`;
  if (machine.state === "IN MAINTENANCE")
    return h`<b>In maintenance</b>${since && ` since${since}`}. Its alarms are held back until it returns.`;
  if (machine.state === "OFF")
    return h`<b>Off</b>${since && ` since${since}`}. Nothing to judge while it stands still.`;
  if (machine.state === "NEW")
    return h`<b>${machine.note || "Learns its own normal"}.</b> Until then only limits and silence protect it.`;
  if (!life)
    return machine.stage
      ? h`<b>${machine.stage === "ACT" ? "Go and look now." : "Plan a look."}</b> ${machine.reasons[0]?.text}`
      : h`<b>As usual.</b>`;
  const [p10, p50, p90] = [life.p10, life.p50, life.p90].map(lifeWords);
  const latest = when(Math.floor((now + life.p10 * HOUR) / HOUR) * HOUR);
  if (machine.stage === "ACT")
    return h`<b>Stop it by ${latest}.</b> Of ten machines in this condition nine last longer than ${p10}, five longer than ${p50}, one longer than ${p90}.`;
  if (machine.stage === "WATCH")
    return h`<b>Plan the work before ${latest}.</b> Nine of ten in this condition last longer than ${p10}, five longer than ${p50}.`;
  return h`<b>As usual.</b> Nine of ten in this condition last longer than ${p10}.`;
}

function machineActions(machine) {
  const alarm = openAlarm(machine);
  return [
    alarm && alarmSteps(alarm),
    machine.state !== "IN MAINTENANCE" &&
      machine.state !== "FAILED" &&
      mayDo("plan") &&
      button("plan", "Plan maintenance", machine.id),
    mayDo("repair") && button("repair", "Record repair", machine.id, machine.state === "FAILED"),
  ];
}

function machineView(id) {
  const machine = machineById(id);
  if (!machine) return h`<h1 tabindex="-1">No machine ${id}</h1><p><a href="#/fleet">Back to the fleet</a></p>`;
  const line = alarmLine(machine);
  const legend = [
    ["alarm", "WATCH", "WATCH"],
    ["alarm", "ACT", "ACT"],
    ["failure", null, "failure"],
    ["repair", null, "repair"],
  ].map(([kind, stage, word]) => h`<span>${eventIcon(kind, stage)} ${word}</span>`);
  return h`${staleBanner()}<p class="sm noprint back"><a href="#/fleet">‹ Fleet, worst first</a></p>
    <div class="mh"><h1 tabindex="-1">${machine.id}</h1>${badge(machine.stage || machine.state)}${machine.stage && badge(machine.state)}<span class="dim">${[machine.machine_class, machine.place].filter(Boolean).join(", ")}</span></div>
    <p class="say">${machineSentence(machine)}</p>
    ${line && h`<div class="own" style="font-size:inherit;line-height:inherit;margin-top:6px">${line}</div>`}
    <div class="acts">${machineActions(machine)}</div>
    <div class="two"><div><h2>Last 14 days${machine.life && ", and the time left"}</h2>
      <p class="key">${legend}<span>grey band: its own normal</span><span>dashed: limits</span>${machine.life && !isStale() && h`<span>bar after “now”: time left, P10 to P90</span>`}</p>
      ${machine.channels.map((channel) => channelFigure(channel, machine))}</div>
    <aside><section class="top"><h2>Why</h2>${
      machine.reasons.length
        ? h`<ol class="rs">${machine.reasons.map((reason) => h`<li>${reason.text}${reason.since && h`<div class="dim sm">since ${when(reason.since)}, ${duration(now - new Date(reason.since))}</div>`}</li>`)}</ol>`
        : h`<p class="dim">${machine.note || "Nothing unusual."}</p>`
    }${machine.look && h`<p style="padding-top:8px;border-top:1px solid var(--ln)"><b class="b">Look at first:</b> ${machine.look}</p>`}
    ${machine.trust && h`<p style="margin-top:8px"><span class="guess">? a guess</span> ${machine.trust}</p>`}</section>
    <section><h2>Figures</h2>${machineFigures(machine)}<h2>History</h2>${machineHistory(machine)}</section></aside></div>`;
}

function channelFigure(channel, machine) {
  const wide = Math.min(1400, innerWidth) - 470;
  const width = isPrinted ? 677 : innerWidth > 980 ? wide : innerWidth - (isPhone() ? 28 : 40) - 26;
  const usual = channel.normal
    ? `, usually ${quantity(channel, channel.normal[0])} to ${quantity(channel, channel.normal[1])}`
    : "";
  const isOld = isStale() || heardAgo(machine) > fleetPage.stale_after_min * MINUTE;
  return h`<figure class="ch"><figcaption><h3>${channel.name}, ${channel.unit}</h3><span class="dim sm">${isOld ? "last" : "now"} ${quantity(channel, lastValue(channel))}${usual}</span></figcaption>
    ${trendChart(channel, machine, width)}
    <details><summary>As a table</summary><table><thead><tr><th scope="col">Day</th><th scope="col" class="r">Lowest</th><th scope="col" class="r">Highest</th></tr></thead><tbody>${channelDays(channel)}</tbody></table></details></figure>`;
}

function channelDays(channel) {
  const days = new Map();
  channel.values.forEach((value, i) => {
    const instant = +new Date(fleetPage.trend.start) + i * fleetPage.trend.step_h * HOUR;
    if (value != null) days.set(dayOf(instant), [...(days.get(dayOf(instant)) || []), value]);
  });
  return [...days]
    .reverse()
    .map(
      ([day, values]) =>
        h`<tr><td>${day}</td><td class="r">${quantity(channel, Math.min(...values))}</td><td class="r">${quantity(channel, Math.max(...values))}</td></tr>`,
    );
}

function machineFigures(machine) {
  const { life, failure_probability: probability, anomaly } = machine;
  const figures = [
    ["Time left", life ? h`${lifeText(life)} <span class="dim">(P50: ${lifeWords(life.p50)})</span>` : "–"],
    [
      `Fails in ${fleetPage.model.horizon_h} h`,
      probability == null
        ? "–"
        : h`<b>${percent(probability)}</b>${probability > 0.02 && h` <span class="dim">${Math.round(probability * 100)} of 100 such machines</span>`}`,
    ],
    [
      "Off its normal",
      anomaly == null
        ? "–"
        : h`<b>${anomaly.toFixed(1)} ×</b> <span class="dim">${anomaly > 1 ? "beyond" : "within"} its own normal (1 = the edge)</span>`,
    ],
    [
      "ISO 20816 zone",
      h`${zoneMark(machine.zone)} <span class="dim">${ZONE_WORDS[machine.zone] || "not judged"}</span>`,
    ],
    [
      "Last heard",
      machine.last ? h`${duration(heardAgo(machine))} ago <span class="dim">${when(machine.last)}</span>` : "never",
    ],
  ];
  return h`<dl class="facts">${figures.map(([name, value]) => h`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

function machineHistory(machine) {
  const closed = fleetPage.alarms.filter((alarm) => alarm.machine === machine.id && alarm.state === "CLOSED");
  const history = [
    ...machine.events.map((event) => ({ at: event.at, kind: EVENT_WORDS[event.kind], text: event.text })),
    ...closed.map((alarm) => ({
      at: newestStep(alarm).at,
      kind: "Alarm closed",
      text: [alarm.verdict, alarm.verdict_text].filter(Boolean).join(": "),
    })),
  ].sort((a, b) => new Date(b.at) - new Date(a.at));
  if (!history.length) return h`<p class="dim">No failure, repair or alarm in 14 days.</p>`;
  return h`<dl class="facts">${history.map((event) => h`<dt class="nw">${when(event.at)}</dt><dd><span class="b">${event.kind}.</span> ${event.text}</dd>`)}</dl>`;
}
