// What surrounds every view: tabs, clock, the banner of stale data, and who has an alarm in hand.
const VIEWS = [
  ["fleet", "Fleet"],
  ["alarms", "Alarms"],
  ["quality", "Data"],
  ["models", "Models"],
];

function renderFrame(view) {
  const unanswered = fleetPage.alarms.filter((alarm) => alarm.state === "OPEN").length;
  const tab = ([name, title]) => {
    const isCurrent = view === name || (view === "machine" && name === "fleet");
    const pill =
      name === "alarms" && unanswered
        ? h` <span class="pill">${unanswered}<span class="vh"> without an answer</span></span>`
        : "";
    return h`<a href="#/${name}" ${raw(isCurrent ? 'aria-current="page"' : "")}>${title}${pill}</a>`;
  };
  $("#tabs").innerHTML = render(VIEWS.map(tab));
  const freshness = isStale()
    ? h`<b>data ${duration(now - new Date(fleetPage.data_until), false)} old</b>`
    : h`<span class="dim">data until ${timeOfDay(fleetPage.data_until)}</span>`;
  $("#clock").innerHTML = render(
    h`<span class="ws dim">${dayOf(now)} ${plantTime(now).getUTCFullYear()}, </span>${timeOfDay(now)} <span class="dim">${fleetPage.time_zone} · </span>${freshness}`,
  );
  $("#site").textContent = fleetPage.site;
}

const staleBanner = () =>
  isStale() &&
  h`<div class="banner" role="alert">${icon("GONE")}<div>
    <b>The newest data are ${duration(now - new Date(fleetPage.data_until))} old. This page shows ${when(fleetPage.data_until)}, not now.</b>
    Either nothing arrives from any machine, or processing does not run: <code>mlops status</code> says which. Until it is back, walk the round and read the gauges.
  </div></div>`;

function alarmLine(machine, withButton) {
  const alarm = openAlarm(machine);
  if (!alarm) return "";
  if (alarm.state === "SHELVED")
    return h`<span>${icon("SHELF")} Shelved until ${when(alarm.shelved_until)}: ${alarm.shelved_why}</span>`;
  if (alarm.state === "OPEN")
    return h`<span class="due">${icon("WAIT")} No answer for ${duration(now - new Date(newestStep(alarm).at))}</span>
      ${withButton && mayDo("acknowledge") && h`<button class="lite noprint" data-do="acknowledge" data-id="${machine.id}" data-alarm="${alarm.id}">Acknowledge<span class="vh"> ${machine.id}</span></button>`}`;
  const answer = alarm.steps.find((step) => step.by) || newestStep(alarm);
  return h`<span>${icon("DONE")} ${answer.by || answer.what}, ${when(answer.at)}${alarm.planned ? `: ${alarm.planned}` : ""}</span>`;
}

function stopWords(machine) {
  const stop = hoursToStop();
  if (!(stop > 0) || !machine.life) return "";
  const { p10, p50, p90 } = machine.life;
  const words = p90 < stop ? "Will not last" : p50 < stop ? "Will hardly last" : p10 < stop ? "May not last" : "Lasts";
  return h`<div class="sw">${words} to the planned stop, ${when(fleetPage.planned_stop.at)}</div>`;
}
