"""The roofline: operations a second over operations per byte, both logarithmic."""

ROOFLINE = r"""
const R = P.roofline, W = 920, H = 400, PAD = [54, 176, 44, 64];  // top right bottom left
const memoryRoof = R.roofs.find(roof => roof.unit === "bytes/s");
const flatRoofs = R.roofs.filter(roof => roof.unit === "operations/s").sort((a, b) => b.rate - a.rate);
function drawRoofline() {
  if (!R.points.length || !memoryRoof) { $("roof").hidden = true; return; }
  const xs = R.points.map(p => p.intensity), ys = R.points.map(p => p.rate);
  const roofs = flatRoofs.length ? flatRoofs.map(r => r.rate) : xs.map(x => x * memoryRoof.rate);
  const top = Math.max(...ys, ...roofs) * 2.2, lowest = Math.max(Math.min(...ys) / 2, top / 1e5);
  const leftX = Math.min(...xs, .1) / 1.6, rightX = Math.max(...xs, top / memoryRoof.rate * 2) * 1.6;
  const x = v => PAD[3] + Math.log(v / leftX) / Math.log(rightX / leftX) * (W - PAD[1] - PAD[3]);
  const y = v => H - PAD[2] - Math.log(Math.max(v, lowest) / lowest) / Math.log(top / lowest) * (H - PAD[0] - PAD[2]);
  const parts = [], order = {layer: 0, part: 1, stage: 2};
  for (let p = Math.ceil(Math.log10(leftX)); p <= Math.log10(rightX); p++) parts.push(
    `<line x1="${x(10 ** p)}" x2="${x(10 ** p)}" y1="${PAD[0]}" y2="${H - PAD[2]}" stroke="var(--line)"/>` +
    `<text x="${x(10 ** p)}" y="${H - PAD[2] + 18}" text-anchor="middle">${10 ** p}</text>`);
  for (let p = Math.ceil(Math.log10(lowest)); p <= Math.log10(top); p++) parts.push(
    `<line x1="${PAD[3]}" x2="${W - PAD[1]}" y1="${y(10 ** p)}" y2="${y(10 ** p)}" stroke="var(--line)"/>` +
    `<text x="${PAD[3] - 8}" y="${y(10 ** p) + 4}" text-anchor="end">${si(10 ** p, "")}</text>`);
  parts.push(`<text x="${W - PAD[1]}" y="${H - 6}" text-anchor="end">operations per byte</text>`);
  parts.push(`<text x="${PAD[3]}" y="${PAD[0] - 18}">operations per second</text>`);
  const peak = flatRoofs.length ? flatRoofs[0].rate : top;
  const ridge = peak / memoryRoof.rate;
  parts.push(`<path d="M${x(leftX)} ${y(leftX * memoryRoof.rate)}L${x(ridge)} ${y(peak)}" fill="none" ` +
    `stroke="var(--copy)" stroke-width="2"/>`);
  const dots = [...R.points].sort((a, b) => order[a.level] - order[b.level]).map(p => ({
    p, x: x(p.intensity), y: y(p.rate), r: {layer: 4, part: 7, stage: 10}[p.level]}));
  const plot = [PAD[3], PAD[0], W - PAD[1], H - PAD[2]], written = [];
  const over = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) *
    Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const clash = box => 9 * ((box[2] - box[0]) * (box[3] - box[1]) - over(box, plot)) +  // what is hidden behind it, or outside
    written.reduce((all, other) => all + 9 * over(box, other), 0) + dots.reduce((all, d) =>
      all + (d.p.level === "layer" ? 1 : 9) * over(box, [d.x - d.r, d.y - d.r, d.x + d.r, d.y + d.r]), 0);
  const least = (tries, cost) => tries.map(one => [cost(one), one]).reduce((a, b) => b[0] < a[0] ? b : a)[1];
  const wide = text => 7 * text.length;

  const memory = `memory ${si(memoryRoof.rate, "B/s")}`, long = wide(memory);
  const start = Math.max(leftX, lowest / memoryRoof.rate);
  const from = [x(start), y(start * memoryRoof.rate)], to = [x(ridge), y(peak)];
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1, way = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
  const along = at => [...Array(8).keys()].map(i => {  // boxes along the line, above it
    const t = at * length + (i - 3.5) * long / 8;
    const [px, py] = [from[0] + t * way[0] + 14 * way[1], from[1] + t * way[1] - 14 * way[0]];
    return [px - 8, py - 8, px + 8, py + 8];
  });
  const best = least([.5, .4, .6, .3, .7, .2, .8], at => along(at).reduce((all, box) => all + clash(box), 0));
  written.push(...along(best));
  for (let t = 0; t < length; t += 8) {
    const [px, py] = [from[0] + t * way[0], from[1] + t * way[1]];
    written.push([px - 4, py - 4, px + 4, py + 4]);
  }
  const slope = Math.atan2(way[1], way[0]) * 180 / Math.PI;
  const [mx, my] = [from[0] + best * length * way[0] + 9 * way[1], from[1] + best * length * way[1] - 9 * way[0]];
  parts.push(`<text transform="translate(${mx} ${my}) rotate(${slope})" text-anchor="middle">${memory}</text>`);

  const taken = [];  // heights of labels so far: roofs may lie close together
  const roofLabel = at => {
    let free = at + 4;
    while (taken.some(other => Math.abs(other - free) < 14)) free += 4;
    taken.push(free);
    return free;
  };
  flatRoofs.forEach((roof, at) => {
    written.push([x(roof.rate / memoryRoof.rate), y(roof.rate) - 2, W - PAD[1], y(roof.rate) + 2]);
    parts.push(
      `<line x1="${x(roof.rate / memoryRoof.rate)}" x2="${W - PAD[1]}" y1="${y(roof.rate)}" y2="${y(roof.rate)}" ` +
      `stroke="var(--soft)" stroke-width="1.5" stroke-dasharray="${at ? "5 4" : "none"}"/>` +
      `<text x="${W - PAD[1] + 8}" y="${roofLabel(y(roof.rate))}">${esc(roof.name)} ` +
      `${si(roof.rate, roof.name.includes("int8") ? "OP/s" : "FLOP/s")}</text>`);
  });
  dots.forEach(d => {
    const p = d.p, shade = p.level === "part" ? "--encode" : "--stage";
    const text = `<b>${esc(p.name)}</b><br>${ms(p.ms)} ms, ${si(p.rate, p.precision === "int8" ? "OP/s" : "FLOP/s")}<br>` +
      `${p.intensity.toFixed(1)} operations a byte` + (p.reached ? `<br>${pct(p.reached)} of the roof` : "");
    parts.push(`<circle cx="${d.x}" cy="${d.y}" r="${d.r}" fill="var(${shade})" ` +
      `fill-opacity="${p.level === "layer" ? .35 : .9}" stroke="var(--bg)" stroke-width="1.5" ` +
      `data-tip="${esc(text)}"/>`);
  });
  const steps = [0, ...[1, 2, 3, 4, 5, 6, 7, 8].flatMap(step => [-13 * step, 13 * step])];
  dots.filter(d => d.p.level !== "layer").reverse().forEach(d => {  // the largest choose first
    const text = d.p.name, half = wide(text) / 2;
    const tries = steps.flatMap(dy => [-1, 1, 0].filter(side => side || Math.abs(dy) > d.r + 6).map(side =>
      ({dy, middle: d.x + side * (half + d.r + 5)})));
    const box = one => [one.middle - half, d.y + one.dy - 7, one.middle + half, d.y + one.dy + 7];
    const place = least(tries, one => clash(box(one)) + 3 * Math.abs(one.dy) + .2 * Math.abs(one.middle - d.x));
    written.push(box(place));
    if (Math.abs(place.dy) > d.r + 20) parts.push(`<line x1="${d.x}" y1="${d.y}" x2="${place.middle}" ` +
      `y2="${d.y + place.dy - 6 * Math.sign(place.dy)}" stroke="var(--faint)"/>`);
    parts.push(`<text class="strong" x="${place.middle}" y="${d.y + place.dy + 4}" text-anchor="middle">${esc(text)}</text>`);
  });
  $("roofline").innerHTML = `<div class="scroll"><svg viewBox="0 0 ${W} ${H}" style="min-width:640px" role="img" ` +
    `aria-label="Roofline">${parts.join("")}</svg></div>`;
  const stage = R.points.find(p => p.level === "stage");
  $("roof-note").textContent = (R.threads ? `Lines: what this machine reaches at best with ${R.threads} thread` +
    `${R.threads > 1 ? "s" : ""}, as each run of a stage has. Dots: a stage with its parts and larger layers, other networks. `
    : `Lines: what this GPU reaches at best, measured just after the run. Dots: networks, one run at a time. `) +
    (stage.reached ? `Stage ${stage.name.split(" ")[1]} reaches ${pct(stage.reached)} of what the roof over ` +
    `it allows${stage.precision ? ` in ${stage.precision.toUpperCase()}` : ""}.` : "");
}
drawRoofline();
"""
