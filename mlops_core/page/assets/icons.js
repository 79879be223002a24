// Shape and word carry the meaning; colour only repeats it (ISA-101: grey is normal).
const ICONS = {
  ACT: '<path d="M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5z" fill="currentColor"/><path d="M8 4v5m0 1.8v1.6" stroke="var(--act)" stroke-width="2"/>',
  WATCH:
    '<path d="M8 1.2 15.4 14.6H.6z" fill="currentColor"/><path d="M8 5.6v4.2m0 1.4v1.6" stroke="var(--watch)" stroke-width="1.8"/>',
  FAILED:
    '<rect x="1" y="1" width="14" height="14" fill="currentColor"/><path d="m4.5 4.5 7 7m0-7-7 7" stroke="var(--ink)" stroke-width="2.2"/>',
  SILENT:
    '<path d="M2 8h3m6 0h3" stroke="currentColor" stroke-width="2"/><path d="M5 13 11 3" stroke="currentColor" stroke-width="1.8"/>',
  "IN MAINTENANCE":
    '<path d="M14 4.6a3.7 3.7 0 0 1-4.9 4.5l-4.7 4.8a1.6 1.6 0 0 1-2.3-2.3l4.8-4.7A3.7 3.7 0 0 1 11.4 2L9.2 4.2l.5 2.1 2.1.5z" fill="none" stroke="currentColor" stroke-width="1.4"/>',
  OFF: '<circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" stroke-width="1.5"/>',
  RUNNING: '<circle cx="8" cy="8" r="4.5" fill="var(--nrm)"/>',
  NEW: '<path d="M8 2l6 6-6 6-6-6z" fill="none" stroke="currentColor" stroke-width="1.4"/><path d="M8 5.5v5M5.5 8h5" stroke="currentColor" stroke-width="1.4"/>',
  WAIT: '<circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="2"/><path d="M8 4.5V8l2.5 1.8" fill="none" stroke="currentColor" stroke-width="1.6"/>',
  DONE: '<path d="m2.5 8.5 3.7 3.7 7.3-8" fill="none" stroke="currentColor" stroke-width="2"/>',
  SHELF: '<path d="M5 3v10m6-10v10" stroke="currentColor" stroke-width="2.4"/>',
  GOOD: '<circle cx="8" cy="8" r="5.5" fill="var(--nrm)"/>',
  FAIR: '<circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="1.5"/><path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor"/>',
  POOR: '<circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="1.5"/><path d="M8 8V2.5A5.5 5.5 0 0 1 13.5 8z" fill="currentColor"/>',
  NONE: '<circle cx="8" cy="8" r="5.5" fill="none" stroke="var(--sil)" stroke-width="1.5" stroke-dasharray="2.5 2"/><path d="M4 12 12 4" stroke="var(--sil)" stroke-width="1.5"/>',
  GONE: '<path d="M8 1.5 14.5 8 8 14.5 1.5 8z" fill="currentColor"/>',
};
const icon = (name) => raw(`<svg class="i" viewBox="0 0 16 16" aria-hidden="true">${ICONS[name] || ""}</svg>`);
const COLOURED = ["ACT", "WATCH", "FAILED", "SILENT"];
const badge = (name) => h`<span class="st ${COLOURED.includes(name) ? name : "n"}">${icon(name)}${name}</span>`;
const ZONE_WORDS = { A: "as new", B: "fit for long running", C: "not for long running", D: "damage possible" };

function zoneMark(zone) {
  if (!zone) return h`<span class="dim">–</span>`;
  const boxes = [..."ABCD"].map((letter) =>
    letter === zone ? `<i aria-hidden="true" class="on ${zone}">${zone}</i>` : '<i aria-hidden="true"></i>',
  );
  return h`<span class="zn" role="img" aria-label="zone ${zone}">${raw(boxes.join(""))}</span>`;
}

function eventShape(kind, x, y, stage) {
  if (kind === "failure") return `<path d="M${x - 4} ${y - 4}l8 8m0-8l-8 8" stroke="var(--ink)" stroke-width="2.5"/>`;
  if (kind === "repair")
    return `<circle cx="${x}" cy="${y}" r="4" fill="var(--sf)" stroke="var(--ink)" stroke-width="1.5"/>`;
  if (stage === "ACT") return `<path d="M${x - 2.3} ${y - 5}h4.6l3.2 3v4l-3.2 3h-4.6l-3.2-3v-4z" fill="var(--act)"/>`;
  return `<path d="M${x} ${y - 5}l5.5 9.5h-11z" fill="var(--watch)" stroke="var(--watchLn)"/>`;
}

const eventIcon = (kind, stage) =>
  raw(`<svg class="i" viewBox="0 0 16 16" aria-hidden="true">${eventShape(kind, 8, 8, stage)}</svg>`);
