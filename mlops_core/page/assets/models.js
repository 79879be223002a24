// Models: which one serves, what it promises, and how each version fared.
function modelsView() {
  const { champion, promises, versions } = fleetPage.models;
  if (!champion)
    return h`${staleBanner()}<h1 tabindex="-1">No model yet</h1><p class="say">${fleetPage.model.text}</p>`;
  const promiseRow = (promise) =>
    h`<tr role="row"><td role="cell" class="w">${promise.name}</td><td role="cell" class="r nw" data-l="promised"><b class="b">${promise.value}</b>${
      promise.interval && h`<div class="dim sm">${promise.interval}</div>`
    }</td><td role="cell" class="dim">${promise.note}</td></tr>`;
  const versionRow = (
    version,
  ) => h`<tr role="row"><td role="cell" class="vd nw">${version.role}</td><td role="cell" class="nw">${version.version}</td>
    <td role="cell" class="nw">${when(version.at)}</td><td role="cell" class="w">${version.reason}</td></tr>`;
  return h`${staleBanner()}<div class="lead"><div><h1 tabindex="-1">${champion.version} serves since ${when(champion.since)}</h1><p>${champion.learned}</p></div></div>
    <h2>What it promises, measured on runs that it had not seen</h2>${table("Promises", ["Promise", "Measured", "Beside it"], promises.map(promiseRow))}
    <h2>Versions</h2>${table("Versions", ["Role", "Version", "Since", "Why"], versions.map(versionRow))}`;
}
