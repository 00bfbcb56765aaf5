"""The report's script: plain JavaScript, a part for each section."""

from trt_anime.runtime.profiling.report.script_chain import CHAIN
from trt_anime.runtime.profiling.report.script_charts import CHARTS
from trt_anime.runtime.profiling.report.script_layers import LAYERS
from trt_anime.runtime.profiling.report.script_roofline import ROOFLINE
from trt_anime.runtime.profiling.report.script_timeline import TIMELINE

_BASE = r"""
const D = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const esc = text => String(text).replace(/[&<>"]/g,
  c => ({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}[c]));
const ms = value => value == null ? "" : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1)
  : value >= 1 ? value.toFixed(2) : value.toFixed(3);
const pct = value => value > 0 && value < .0005 ? "< 0.1 %" : (100 * value).toFixed(value < .1 ? 1 : 0) + " %";
const mb = bytes => bytes >= 1e9 ? (bytes / 1e9).toFixed(2) + " GB" : (bytes / 1e6).toFixed(bytes > 0 && bytes < 1e7 ? 1 : 0) + " MB";
const si = (value, unit) => {
  const step = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]].find(s => value >= s[0]) || [1, ""];
  const number = value / step[0];
  return number.toFixed(number >= 100 ? 0 : 1) + " " + step[1] + unit;
};
const words = text => esc(text).replace(/`([^`]+)`/g, "<code>$1</code>");

const chain = D.kind === "chain";
const P = chain ? D.pipeline : D;  // what is measured frame by frame: of several stages, 2a's network alone
const stages = P.stages.map(stage => "stage " + stage.number);
function colour(name) {
  const at = stages.findIndex(stage => name.startsWith(stage));
  if (at >= 0) return ["--stage", "--stage2", "--stage3"][at % 3];
  if (name.startsWith("pass ")) {
    const at = D.passes.findIndex(pass => "pass " + pass.name === name);
    return ["--pass", "--pass2"][at % 2];
  }
  const found = [["network", "--stage"], ["open", "--fill"], ["shot", "--slot"], ["decode", "--decode"], ["look", "--look"], ["fill", "--fill"], ["submit", "--submit"],
    ["copy", "--copy"], ["encode", "--encode"], ["feed", "--decode"], ["compute", "--stage"],
    ["slot", "--slot"], ["frame", "--accent"]].find(entry => name.startsWith(entry[0]));
  return found ? found[1] : "--wait";
}

const tip = $("tip");
function showTip(html, x, y) {
  tip.innerHTML = html;
  tip.style.opacity = 1;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(8, Math.min(innerWidth - box.width - 8, x + 14)) + "px";
  tip.style.top = (y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 18) + "px";
}
const hideTip = () => { tip.style.opacity = 0; };
document.addEventListener("pointerover", event => {
  const target = event.target.closest("[data-tip]");
  if (target) showTip(target.dataset.tip, event.clientX, event.clientY);
  else if (event.target.tagName !== "CANVAS") hideTip();
});

const repaint = [];
const dark = matchMedia("(prefers-color-scheme: dark)");
function theme(name) {
  document.documentElement.dataset.theme = name;
  document.documentElement.style.colorScheme = name;
  repaint.forEach(paint => paint());
}
$("theme").onclick = () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
dark.addEventListener("change", () => theme(dark.matches ? "dark" : "light"));
theme(dark.matches ? "dark" : "light");
"""

_END = r"""
document.querySelectorAll("nav a").forEach(link => { link.hidden = $(link.hash.slice(1)).hidden; });
"""

SCRIPT = '"use strict";(() => {' + _BASE + CHAIN + CHARTS + TIMELINE + ROOFLINE + LAYERS + _END + "})();"
