"use strict";
// What the interactive views of report.html share: the fields in #data, scales, colours, the slider. No network.
const data = JSON.parse(document.getElementById("data").textContent);
const canvas = document.getElementById("canvas"), pen = canvas.getContext("2d");
const field = document.getElementById("field"), slider = document.getElementById("slider");
const said = document.getElementById("said"), when = document.getElementById("when");
const numbers = {};

function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}
for (const name of Object.keys(data.fields)) {
  numbers[name] = unpack(data.fields[name]);
  field.add(new Option(named(name), name));
}
function named(name) {
  return data.units[name] ? `${name} (${data.units[name]})` : name;
}
function ink() {
  return getComputedStyle(document.body).color;
}
function step() {
  return data.slider ? Number(slider.value) : 0;
}
function isError(name) {
  return data.errors.includes(name);
}
function short(v) {
  return v === 0 || (Math.abs(v) >= 1e-3 && Math.abs(v) < 1e5) ? String(Number(v.toPrecision(4))) : v.toExponential(2).replace(/\.?0+e/, "e");
}
// Round values between two, four to seven of them.
function rounds(low, high) {
  const wanted = (high - low) / 6, power = 10 ** Math.floor(Math.log10(wanted)), found = [];
  const step = power * [1, 2, 5, 10].find((k) => k * power > 0.99 * wanted);
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step);
  return found;
}
function at(axis, part) {
  return axis.ends[0] + part * (axis.ends[1] - axis.ends[0]);
}
function limits(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) if (Number.isFinite(v)) { if (v < low) low = v; if (v > high) high = v; }
  if (!(low <= high)) return [0, 1];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}
// The scale of a field: its ends, the place of a value on it, its colours, and the value at a place.
function scale(name) {
  const [low, high] = limits(numbers[name]);
  if (!isError(name)) return { low, high, of: (v) => v, map: "values", back: (s) => s };
  const top = Math.log10(Math.max(high, 1e-16));
  return { low: top - 4, high: top, of: (v) => Math.log10(Math.max(Math.abs(v), 1e-300)), map: "errors", back: (s) => 10 ** s };
}
function colour(map, part) {
  const k = 6 * Math.max(0, Math.min(255, Math.round(255 * part))), digits = data.colours[map];
  return [0, 2, 4].map((o) => parseInt(digits.substr(k + o, 2), 16));
}
function bar(s, x, top, height) {
  for (let q = 0; q < height; q++) {
    pen.fillStyle = `rgb(${colour(s.map, 1 - q / height)})`;
    pen.fillRect(x, top + q, 14, 1);
  }
  pen.fillStyle = ink(); pen.textAlign = "left"; pen.font = "12px sans-serif";
  for (const v of rounds(s.low, s.high)) {
    const y = top + (s.high - v) / (s.high - s.low) * height;
    pen.fillRect(x + 14, y, 4, 1); pen.fillText(short(s.back(v)), x + 21, y + 4);
  }
}
function place(event) {
  const box = canvas.getBoundingClientRect(), k = canvas.width / box.width;
  return [(event.clientX - box.left) * k, (event.clientY - box.top) * k];
}
function sayTime() {
  if (data.slider) when.textContent = `${named(data.slider.name)} = ${short(at(data.slider, step() / (data.slider.count - 1)))}`;
}
// Begins: every change draws anew.
function begin(draw) {
  if (data.slider) { slider.max = data.slider.count - 1; slider.value = slider.max; slider.hidden = false; }
  field.addEventListener("change", draw);
  slider.addEventListener("input", draw);
  draw();
}
