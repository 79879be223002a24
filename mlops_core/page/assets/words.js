// The document that is shown, the time it is shown at, and how times and quantities are said.
let fleetPage = null;
let now = 0;
let isPrinted = false;

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const twoDigits = (number) => String(number).padStart(2, "0");
const plantTime = (instant) => new Date(+new Date(instant) + fleetPage.utc_offset_min * MINUTE);
const dayNumber = (instant) => Math.floor(+plantTime(instant) / DAY);
const count = (number) => number.toLocaleString("en");

function timeOfDay(instant) {
  const date = plantTime(instant);
  return `${twoDigits(date.getUTCHours())}:${twoDigits(date.getUTCMinutes())}`;
}

const dayOf = (instant) => {
  const date = plantTime(instant);
  return `${DAYS[date.getUTCDay()]} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
};

// The time of day if today, the weekday if this week, else the date.
function when(instant) {
  const date = plantTime(instant);
  const days = dayNumber(instant) - dayNumber(now);
  if (days === 0) return timeOfDay(instant);
  if (Math.abs(days) < 7) return `${DAYS[date.getUTCDay()]} ${timeOfDay(instant)}`;
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${timeOfDay(instant)}`;
}

function duration(milliseconds, exact = true) {
  const minutes = Math.round(milliseconds / MINUTE);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (minutes < (exact ? 1440 : 2880))
    return `${hours} h${exact && minutes < 600 && minutes % 60 ? ` ${minutes % 60} min` : ""}`;
  return `${Math.floor(minutes / 1440)} d`;
}

// Hours left, P10 to P90: hours below two days, days above.
function lifeSpan(life) {
  const [low, lowUnit] = life.p10 < 48 ? [Math.floor(life.p10), "h"] : [Math.floor(life.p10 / 24), "d"];
  const [high, highUnit] = life.p90 < 48 ? [Math.ceil(life.p90), "h"] : [Math.round(life.p90 / 24), "d"];
  return [low + (lowUnit === highUnit ? "" : ` ${lowUnit}`), `to ${high} ${highUnit}`];
}

const lifeText = (life) => h`<b>${lifeSpan(life)[0]}</b> <span class="dim">${lifeSpan(life)[1]}</span>`;
const lifeWords = (hours) => (hours < 48 ? `${Math.floor(hours)} h` : `${Math.floor(hours / 24)} days`);
const percent = (share) => (share < 0.01 ? "<1 %" : `${Math.round(share * 100)} %`);
const lastIndex = (channel) => channel.values.findLastIndex((value) => value != null);
const lastValue = (channel) => channel.values[lastIndex(channel)];
const quantity = (channel, value) => (value == null ? "–" : value.toFixed(Math.abs(value) < 20 ? 1 : 0));

const isStale = () => now - new Date(fleetPage.data_until) > fleetPage.stale_after_min * MINUTE;
const heardAgo = (machine) => (machine.last ? now - new Date(machine.last) : Infinity);
const viewWidth = () => (isPrinted ? 703 : innerWidth);
const isPhone = () => !isPrinted && innerWidth <= 900;
const hoursToStop = () =>
  fleetPage.planned_stop ? (new Date(fleetPage.planned_stop.at) - new Date(fleetPage.data_until)) / HOUR : null;

const machineById = (id) => fleetPage.machines.find((machine) => machine.id === id);
const openAlarm = (machine) =>
  fleetPage.alarms.find((alarm) => alarm.machine === machine.id && alarm.state !== "CLOSED");
const newestStep = (alarm) => alarm.steps.at(-1);

// 0 now, 1 plan, 2 not watched, 3 standing still or new, 4 as usual.
function urgency(machine) {
  if (machine.stage === "ACT" || machine.state === "FAILED") return 0;
  if (machine.stage === "WATCH") return 1;
  if (machine.state === "SILENT") return 2;
  return ["IN MAINTENANCE", "OFF", "NEW"].includes(machine.state) ? 3 : 4;
}
