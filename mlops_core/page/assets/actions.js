// Actions: a dialog that says what it will cause, who is recorded, and can be left by Escape.
const mayDo = (action) => fleetPage.actions.includes(action);
const inputTime = (instant) =>
  new Date(+new Date(instant) + fleetPage.utc_offset_min * MINUTE).toISOString().slice(0, 16);
const fromInput = (text) => new Date(+new Date(`${text}Z`) - fleetPage.utc_offset_min * MINUTE).toISOString();
const field = (name, label, type, attributes = "") =>
  h`<label for="f-${name}">${label}</label><input id="f-${name}" name="${name}" type="${type}" ${raw(attributes)}>`;
const choice = (name, legend, options) =>
  h`<fieldset><legend>${legend}</legend>${options.map(([value, text]) => h`<label><input type="radio" name="${name}" value="${value}" required> ${text}</label>`)}</fieldset>`;

const ACTIONS = {
  acknowledge: {
    title: "Acknowledge the alarm",
    effect: "You have seen it and take care of it. It stays on the list; the reminders stop.",
    fields: () => field("note", "What you will do (optional)", "text", 'maxlength="200"'),
    verb: "Acknowledge",
  },
  begin: {
    title: "Begin the work",
    effect: "Everybody sees that the work is under way.",
    fields: () => field("note", "What is done (optional)", "text", 'maxlength="200"'),
    verb: "Work has begun",
  },
  shelve: {
    title: "Shelve the alarm",
    effect: "It is quiet until then and comes back by itself. If it becomes ACT it comes back at once.",
    fields: () => [
      field("until", "Until", "datetime-local", `required value="${inputTime(now + DAY)}"`),
      field("note", "Reason", "text", 'required maxlength="200"'),
    ],
    verb: "Shelve",
  },
  verdict: {
    title: "Give a verdict",
    effect: "It closes the alarm, and the next model learns from it.",
    fields: () => [
      choice("verdict", "What was it?", [
        ["FAULT_FOUND", "Fault found"],
        ["NO_FAULT", "No fault found"],
        ["SENSOR_FAULT", "Sensor fault"],
      ]),
      field("failure_mode", "Which fault, if one was found (optional)", "text", 'maxlength="100"'),
      field("note", "What exactly (optional)", "text", 'maxlength="200"'),
    ],
    verb: "Close with this verdict",
  },
  repair: {
    title: "Record a repair",
    effect: "The machine counts as new from its return to service on; what it said before leads up to the repair.",
    fields: () => [
      field("note", "What was repaired", "text", 'required maxlength="200"'),
      field("occurred_at", "Taken out of service", "datetime-local", `required value="${inputTime(now)}"`),
      field("returned_at", "Back in service (leave empty if not yet)", "datetime-local"),
      choice("kind", "Had it failed?", [
        ["failure", "Yes, it failed"],
        ["repair", "No, repaired before it failed"],
      ]),
    ],
    verb: "Record",
  },
  plan: {
    title: "Plan maintenance",
    effect: "In that window the machine counts as IN MAINTENANCE: no alarms, nothing learned.",
    fields: () => [
      field("starts_at", "From", "datetime-local", `required value="${inputTime(now + DAY)}"`),
      field("ends_at", "Until", "datetime-local", `required value="${inputTime(now + DAY + 4 * HOUR)}"`),
      field("note", "Work", "text", 'required maxlength="200"'),
    ],
    verb: "Plan",
  },
};

function say(text) {
  $("#say").textContent = text;
  setTimeout(() => ($("#say").textContent = ""), 8000);
}

function askFor(name, machineId, alarmId) {
  const action = ACTIONS[name];
  const dialog = $("#ask");
  const reason = machineById(machineId)?.reasons[0];
  dialog.innerHTML = render(h`<form><h2 id="ask-title">${action.title}: ${machineId}</h2>
    <p class="dim">${reason && `${reason.text}.`}</p><p style="margin-top:6px">${action.effect}</p>${action.fields()}
    ${field("stated_name", "Your name (recorded as stated, beside the signed-in principal)", "text", 'required maxlength="64" autocomplete="name"')}
    <p class="err" role="alert"></p><p class="dim sm" style="margin-top:12px">Recorded by: ${fleetPage.principal}</p>
    <div class="end"><button type="button" data-cancel>Cancel</button><button class="pri">${action.verb}</button></div></form>`);
  $("#f-stated_name").value = sessionStorage.getItem("stated_name") || "";
  $("form", dialog).onsubmit = (event) => {
    event.preventDefault();
    send(name, machineId, alarmId, Object.fromEntries(new FormData(event.target)));
  };
  dialog.showModal();
}

async function send(name, machineId, alarmId, fields) {
  sessionStorage.setItem("stated_name", fields.stated_name);
  for (const key of ["until", "occurred_at", "returned_at", "starts_at", "ends_at"]) {
    if (fields[key]) fields[key] = fromInput(fields[key]);
    else delete fields[key];
  }
  if (fields.verdict !== "FAULT_FOUND") delete fields.failure_mode;
  const response = await fetch(`actions/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token()}` },
    body: JSON.stringify({ machine_id: machineId, alarm_id: alarmId || null, ...fields }),
  });
  const answer = await response.json();
  if (!response.ok) {
    $("#ask .err").textContent = answer.message; // the rest of the page is inert while the dialog is open
    return;
  }
  $("#ask").close();
  say(answer.message);
  await refresh();
}
