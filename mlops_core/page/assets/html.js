// Templates: everything put into h`...` is escaped, unless it was made by h or raw itself.
const $ = (selector, within = document) => within.querySelector(selector);
const escapeHtml = (text) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
const raw = (text) => ({ raw: text });

function render(value) {
  if (value == null || value === false) return "";
  if (Array.isArray(value)) return value.map(render).join("");
  return value.raw !== undefined ? value.raw : escapeHtml(value);
}

const h = (texts, ...values) => raw(texts.reduce((html, text, i) => html + render(values[i - 1]) + text));

const table = (caption, heads, rows, classes = "stk") => h`
  <div class="box scroll" tabindex="0" role="region" aria-label="${caption}">
    <table class="${classes}" role="table"><caption class="vh">${caption}</caption>
      <thead role="rowgroup"><tr role="row">${heads.map(
        (head) => h`<th role="columnheader" scope="col">${head}</th>`,
      )}</tr></thead>
      <tbody role="rowgroup">${rows}</tbody>
    </table>
  </div>`;

const button = (action, label, id, primary, alarmId) =>
  h`<button data-do="${action}" data-id="${id}" data-alarm="${alarmId}" class="${primary ? "pri" : ""}">${label}<span class="vh"> ${id}</span></button>`;
