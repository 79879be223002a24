// Data quality: sensors that are not good, and what was refused.
function qualityView() {
  const { sensors, sensors_total: total, quarantine } = fleetPage.quality;
  const refused = quarantine.reduce((sum, reason) => sum + reason.count, 0);
  const silent = sensors.filter((sensor) => sensor.grade === "NONE").length;
  const heading = sensors.length
    ? `${total - sensors.length} of ${total} sensors are good; ${silent} say nothing`
    : `All ${total} sensors are good`;
  const most = Math.max(1, ...quarantine.map((reason) => reason.count));
  const sensorRow = (
    sensor,
  ) => h`<tr role="row"><td role="cell" class="nw"><span class="st n" style="color:var(--ink)">${icon(sensor.grade)} ${sensor.grade}</span></td>
    <td role="cell" class="nw"><a class="id" href="#/machine/${sensor.machine}">${sensor.machine}</a></td><td role="cell">${sensor.channel}</td>
    <td role="cell" class="w">${sensor.why}</td><td role="cell" class="nw" data-l="since">${sensor.since ? when(sensor.since) : "always"}</td></tr>`;
  const reasonRow = (
    reason,
  ) => h`<tr role="row"><td role="cell" class="w">${reason.text} <span class="dim sm">${reason.code}</span></td><td role="cell" class="r b">${count(reason.count)}</td>
    <td role="cell" class="pc"><span class="bar" style="width:${(reason.count / most) * 100}%;margin-top:5px"></span></td></tr>`;
  return h`${staleBanner()}<div class="lead"><div><h1 tabindex="-1">${heading}</h1>
    <p>${count(refused)} messages in quarantine today: kept with their bytes, not used, can be put back (<code>mlops quarantine</code>).</p></div></div>
    ${sensors.length > 0 && h`<h2>Sensors that are not good</h2>${table("Sensors that are not good", ["Grade", "Machine", "Sensor", "What is wrong", "Since"], sensors.map(sensorRow))}`}
    <h2>Quarantine by reason <span class="dim" style="font-weight:400">today</span></h2>
    ${quarantine.length ? table("Quarantine by reason", ["Reason", "Messages", "Share"], quarantine.map(reasonRow)) : h`<p class="dim">Empty: every message could be read.</p>`}`;
}
