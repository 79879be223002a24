// Loading, routing, refreshing. A snapshot carries its document in the page; a live page asks for it.
const REFRESH_EVERY = 30_000;
const NO_VALUE = 255; // of a trend in a snapshot
const ROUTES = { fleet: fleetView, machine: machineView, alarms: alarmsView, quality: qualityView, models: modelsView };
const TITLES = { fleet: "Fleet", alarms: "Alarms", quality: "Data quality", models: "Models" };

const isSnapshot = () => $("#fleet-page").textContent.trim() !== "";
const token = () => sessionStorage.getItem("token");

function show(hasMoved) {
  if (!fleetPage) return;
  now = isSnapshot() ? +new Date(fleetPage.made_at) : Date.now();
  const [, name = "fleet", id = ""] = decodeURIComponent(location.hash).split("/");
  const view = Object.hasOwn(ROUTES, name) ? name : "fleet";
  renderFrame(view);
  $("#main").innerHTML = render(ROUTES[view](id));
  document.body.classList.toggle("old", isStale());
  document.title = `${view === "machine" ? id : TITLES[view]} · ${fleetPage.site}`;
  if (hasMoved) {
    if (view !== "fleet" || !id) scrollTo(0, 0);
    $("h1")?.focus({ preventScroll: true });
  }
}

function adopt(document) {
  fleetPage = document;
}

async function refresh() {
  const response = await fetch("fleet.json", { headers: { Authorization: `Bearer ${token()}` } });
  const answer = await response.json();
  if (!response.ok) return say(answer.message);
  adopt(answer);
  const isBusy = $("#ask").open || document.activeElement.matches("input, select, details *");
  if (!isBusy) show();
}

// The data of a snapshot: base64 of gzip of the document, a zero byte, and the values of all trends, a byte each.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const whole = new Uint8Array(await new Response(stream).arrayBuffer());
  let next = whole.indexOf(0);
  const page = JSON.parse(new TextDecoder().decode(whole.subarray(0, next)));
  for (const { channels } of page.machines)
    for (const channel of channels) {
      const { count, least, step, newest } = channel.values;
      let level = 0;
      channel.values = Array.from({ length: count }, () => {
        level = (level + whole[(next += 1)]) % 256;
        return level === NO_VALUE ? null : Number((least + level * step).toPrecision(4));
      });
      const last = channel.values.findLastIndex((value) => value !== null);
      if (last >= 0) channel.values[last] = newest;
    }
  return page;
}

async function start() {
  if (isSnapshot()) {
    adopt(await unpacked($("#fleet-page").textContent.trim()));
    return show();
  }
  const given = new URLSearchParams(location.search).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname + location.hash); // the token leaves the address, and so the history
  }
  await refresh();
  setInterval(
    () =>
      document.hidden || refresh().catch(() => say("The page's server does not answer: is mlops ui still running?")),
    REFRESH_EVERY,
  );
}

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("button");
  if (!pressed) return;
  if (pressed.dataset.do) askFor(pressed.dataset.do, pressed.dataset.id, pressed.dataset.alarm);
  else if (pressed.hasAttribute("data-cancel")) $("#ask").close();
  else if (pressed.dataset.page) {
    filter.page = Number(pressed.dataset.page);
    $("#list").innerHTML = render(fleetTable());
    scrollTo(0, 0);
    $("#main").focus({ preventScroll: true });
  }
});
document.addEventListener("input", (event) => {
  if (event.target.id === "find-text") filter.text = event.target.value;
  else if (event.target.id === "find-class") filter.machineClass = event.target.value;
  else return;
  filter.page = 1;
  $("#list").innerHTML = render(fleetTable());
});
addEventListener("hashchange", () => show(true));
addEventListener("beforeprint", () => ((isPrinted = true), show()));
addEventListener("afterprint", () => ((isPrinted = false), show()));
let resizing;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => document.activeElement.tagName !== "INPUT" && show(), 150);
});
$(".skip").onclick = (event) => {
  event.preventDefault();
  $("#main").focus();
};
start();
