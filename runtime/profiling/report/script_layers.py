"""The table of layers: search, sort, filter by part; and the operators that take most."""

LAYERS = r"""
const L = D.layers.flatMap(group => group.layers.map(layer => ({...layer, stage: group.stage})));
const sum = L.reduce((all, layer) => all + layer.ms, 0) || 1;
let sorted = ["ms", -1], part = "", query = "", most = 40;
const columns = [["share", "", ""], ["ms", "ms", ""], ["stage", "stage", "l"], ["name", "layer", "l"],
  ["kind", "operator", "l"], ["part", "part", "l"], ["shape", "output", "l"], ["rate", "FLOP/s", ""]];
L.forEach(layer => {
  layer.shape = (layer.outputs || []).join(", ");
  layer.rate = layer.operations && layer.ms ? layer.operations / layer.ms * 1000 : 0;
  layer.share = layer.ms / sum;
  layer.text = `${layer.stage} ${layer.name} ${layer.kind} ${layer.part} ${layer.shape} ${(layer.inputs || []).join(" ")}`.toLowerCase();
});
function drawLayers() {
  const key = sorted[0], found = L.filter(layer => (!part || layer.part === part) &&
    query.split(/\s+/).every(word => layer.text.includes(word)));
  found.sort((a, b) => sorted[1] * (typeof a[key] === "string" ? a[key].localeCompare(b[key]) : a[key] - b[key]));
  const widest = Math.max(...L.map(layer => layer.ms), 1e-9);
  const body = found.slice(0, most).map(layer => `<tr data-tip="` +
    esc(`<b>${esc(layer.name)}</b><br>in: ${esc((layer.inputs || []).join(", "))}<br>out: ${esc(layer.shape)}`) +
    `"><td class="share"><div class="mini"><i ` +
    `style="width:${100 * layer.ms / widest}%"></i></div></td><td>${ms(layer.ms)}</td><td class="l dim">${esc(layer.stage)}</td><td class="l key">` +
    `${esc(layer.name)}</td><td class="l">${esc(layer.kind)}</td><td class="l dim">${esc(layer.part)}</td>` +
    `<td class="l shape">${esc(layer.shape)}</td><td class="dim">${layer.rate ? si(layer.rate, "") : ""}</td></tr>`);
  const head = columns.map(c => `<th class="${c[2]}" data-sort="${c[0]}"` + (sorted[0] === c[0] ?
    ` aria-sort="${sorted[1] < 0 ? "descending" : "ascending"}"` : "") + `>${c[1]}</th>`).join("");
  $("layer-table").innerHTML = `<thead><tr>${head}</tr></thead><tbody>${body.join("")}</tbody>`;
  const taken = found.reduce((all, layer) => all + layer.ms, 0);
  $("more").hidden = found.length <= most;
  $("more").textContent = `Show all ${found.length}`;
  $("layer-note").textContent = `${found.length} of ${L.length} layers take ${ms(taken)} ms, ${pct(taken / sum)} ` +
    `of the whole. Measured: ${[...new Set(D.layers.map(group => group.measured))].join("; ")}.`;
}
if (!L.length) $("layers").hidden = true;
else {
  const parts = [...new Set(L.map(layer => layer.part))];
  $("parts").innerHTML = ["", ...parts].map(name => `<button type="button" data-part="${name}" aria-pressed="` +
    `${name === ""}">${name || "all"}</button>`).join("");
  $("parts").onclick = event => {
    const button = event.target.closest("button");
    if (!button) return;
    part = button.dataset.part;
    [...$("parts").children].forEach(other => other.setAttribute("aria-pressed", other === button));
    drawLayers();
  };
  $("search").oninput = () => { query = $("search").value.trim().toLowerCase(); drawLayers(); };
  $("more").onclick = () => { most = Infinity; drawLayers(); };
  $("layer-table").onclick = event => {
    const head = event.target.closest("th[data-sort]");
    if (!head) return;
    const key = head.dataset.sort, text = ["name", "kind", "part", "shape"].includes(key);
    sorted = [key, sorted[0] === key ? -sorted[1] : text ? 1 : -1];
    drawLayers();
  };
  const kinds = {};
  L.forEach(layer => { kinds[layer.kind] = (kinds[layer.kind] || 0) + layer.ms; });
  const largest = Object.entries(kinds).sort((a, b) => b[1] - a[1]).slice(0, 8);
  bars("kinds", largest.map(entry => ({
    label: esc(entry[0] || "unknown"), colour: "--stage", left: 0, width: 100 * entry[1] / largest[0][1],
    value: `${ms(entry[1])} ms`, tip: `<b>${esc(entry[0])}</b><br>${pct(entry[1] / sum)} of the time of all layers`,
  })));
  drawLayers();
}
"""
