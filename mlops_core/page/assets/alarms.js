// Alarms by what they wait for: an answer, the work, the end of a shelf, or nothing more.
const ALARM_GROUPS = [
  ["OPEN", "Nobody has answered yet"],
  ["ACKNOWLEDGED", "In hand"],
  ["IN_WORK", "In work"],
  ["SHELVED", "Shelved, comes back by itself"],
  ["CLOSED", "Closed in the last 14 days"],
];

function alarmsView() {
  const inState = (state) => fleetPage.alarms.filter((alarm) => alarm.state === state);
  if (!fleetPage.alarms.length)
    return h`${staleBanner()}<h1 tabindex="-1">No alarms</h1><p class="dim" style="margin-top:4px">None in the last 14 days.</p>`;
  const open = inState("OPEN");
  const act = open.filter((alarm) => alarm.stage === "ACT").length;
  const waiting = open.length === 1 ? "1 alarm waits for an answer" : `${open.length} alarms wait for an answer`;
  const heading = open.length ? `${waiting}${act ? `, ${act} of them ACT` : ""}` : "Every alarm has an answer";
  const inHand = inState("ACKNOWLEDGED").length + inState("IN_WORK").length;
  return h`${staleBanner()}<div class="lead"><div><h1 tabindex="-1">${heading}</h1>
    <p>${inHand} in hand, ${inState("SHELVED").length} shelved, ${inState("CLOSED").length} closed in 14 days.</p></div></div>
    ${ALARM_GROUPS.map(([state, title]) => {
      const own = inState(state).sort(
        (a, b) => a.stage.localeCompare(b.stage) || new Date(newestStep(b).at) - new Date(newestStep(a).at),
      );
      return (
        own.length > 0 &&
        h`<h2>${title} <span class="dim" style="font-weight:400">${own.length}</span></h2><div class="box alb"><table class="al" role="table"><caption class="vh">${title}</caption>
          <colgroup><col style="width:100px"><col style="width:200px"><col><col style="width:420px"><col style="width:290px"></colgroup>
          <thead role="rowgroup"><tr role="row">${["Stage", "Machine", "Why", "Life of the alarm", state === "CLOSED" ? "Verdict" : "Next"].map((head) => h`<th role="columnheader" scope="col">${head}</th>`)}</tr></thead>
          <tbody role="rowgroup">${own.map(alarmRow)}</tbody></table></div>`
      );
    })}`;
}

function alarmRow(alarm) {
  const machine = machineById(alarm.machine);
  return h`<tr role="row"><td role="cell">${badge(alarm.stage)}</td>
    <td role="cell"><a class="id" href="#/machine/${alarm.machine}">${alarm.machine}</a>${machine?.place && h`<div class="sm dim">${machine.place}</div>`}</td>
    <td role="cell">${alarm.why}${alarm.planned && h`<div class="sm dim" style="margin-top:3px">${alarm.planned}</div>`}</td>
    <td role="cell"><ol class="life">${alarm.steps.map((step) => h`<li>${step.what} <span class="dim">${when(step.at)}${step.by && `, ${step.by}`}</span></li>`)}${alarmWait(alarm)}</ol></td>
    <td role="cell">${alarm.verdict && h`<span class="vd">${alarm.verdict}</span><div class="dim">${alarm.verdict_text}</div>`}${(alarm.state !== "CLOSED" || !alarm.verdict) && h`<div class="do">${alarm.state === "CLOSED" ? alarmSteps(alarm) : alarmActions(alarm, machine)}</div>`}</td></tr>`;
}

function alarmWait(alarm) {
  if (alarm.state === "SHELVED")
    return h`<li class="shelf">Until <b>${when(alarm.shelved_until)}</b> <span class="dim">${alarm.shelved_why}</span></li>`;
  if (alarm.state !== "OPEN") return "";
  const waited = now - new Date(newestStep(alarm).at);
  const allowed = alarm.answer_within_min * MINUTE;
  const isLate = alarm.answer_within_min && waited > allowed;
  return h`<li class="todo">${isLate && h`${icon("WAIT")} OVERDUE: `}no answer for ${duration(waited)}${alarm.answer_within_min && h`, due within ${duration(allowed)}`}</li>`;
}

// What an alarm takes next, the one obvious step first.
const alarmSteps = (alarm) => {
  const step = (action, label, primary) => mayDo(action) && button(action, label, alarm.machine, primary, alarm.id);
  return [
    alarm.state === "OPEN" && step("acknowledge", "Acknowledge", true),
    alarm.state === "ACKNOWLEDGED" && step("begin", "Begin work"),
    alarm.state !== "OPEN" && !alarm.verdict && step("verdict", "Give verdict"),
    ["OPEN", "ACKNOWLEDGED"].includes(alarm.state) && alarm.stage !== "ACT" && step("shelve", "Shelve"),
  ];
};

const alarmActions = (alarm, machine) => [
  alarmSteps(alarm),
  mayDo("repair") && button("repair", "Record repair", alarm.machine, machine?.state === "FAILED"),
];
