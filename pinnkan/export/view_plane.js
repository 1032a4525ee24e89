// Curves and maps: wheel to zoom, drag to move, double click for all of it.
(function () {
  const LEFT = 64, BOTTOM = 36, TOP = 12, RIGHT = 110;
  const across = data.axes[0], up = data.axes[1] || null;
  const whole = () => ({ x: across.ends.slice(), y: up ? up.ends.slice() : null });
  let seen = whole(), dragged = null;

  const size = () => across.count * (up ? up.count : 1);
  const index = (axis, x) => Math.round((x - axis.ends[0]) / (axis.ends[1] - axis.ends[0]) * (axis.count - 1));
  function value(name, x, y) {
    const i = index(across, x), j = up ? index(up, y) : 0;
    if (i < 0 || i >= across.count || (up && (j < 0 || j >= up.count))) return NaN;
    return numbers[name][step() * size() + j * across.count + i];
  }
  // The value between the samples of a map, bilinear.
  function between(name, x, y) {
    const p = (x - across.ends[0]) / (across.ends[1] - across.ends[0]) * (across.count - 1);
    const q = (y - up.ends[0]) / (up.ends[1] - up.ends[0]) * (up.count - 1);
    const i = Math.min(Math.floor(p), across.count - 2), j = Math.min(Math.floor(q), up.count - 2);
    if (i < 0 || j < 0 || p > across.count - 1 || q > up.count - 1) return NaN;
    const all = numbers[name], at = step() * size() + j * across.count + i, a = p - i, b = q - j;
    return (1 - b) * ((1 - a) * all[at] + a * all[at + 1]) + b * ((1 - a) * all[at + across.count] + a * all[at + across.count + 1]);
  }
  const inner = () => ({ w: canvas.width - LEFT - RIGHT, h: canvas.height - TOP - BOTTOM });
  const toX = (p) => seen.x[0] + (p - LEFT) / inner().w * (seen.x[1] - seen.x[0]);
  const toY = (p, ends) => ends[1] - (p - TOP) / inner().h * (ends[1] - ends[0]);

  function ticks(ends, vertical, back) {
    const { w, h } = inner();
    pen.fillStyle = pen.strokeStyle = ink();
    pen.font = "12px sans-serif";
    pen.textAlign = vertical ? "right" : "center";
    for (const v of rounds(...ends)) {
      const part = (v - ends[0]) / (ends[1] - ends[0]), text = short((back || ((s) => s))(v));
      if (vertical) { pen.fillRect(LEFT - 4, TOP + h - part * h, 4, 1); pen.fillText(text, LEFT - 7, TOP + h - part * h + 4); }
      else { pen.fillRect(LEFT + part * w, TOP + h, 1, 4); pen.fillText(text, LEFT + part * w, TOP + h + 16); }
    }
  }
  function drawMap(name, s) {
    const { w, h } = inner(), image = pen.createImageData(w, h);
    for (let q = 0; q < h; q++) for (let p = 0; p < w; p++) {
      const v = between(name, toX(LEFT + p), toY(TOP + q, seen.y)), at = 4 * (q * w + p);
      if (!Number.isFinite(v)) continue;
      const c = colour(s.map, (s.of(v) - s.low) / (s.high - s.low));
      image.data[at] = c[0]; image.data[at + 1] = c[1]; image.data[at + 2] = c[2]; image.data[at + 3] = 255;
    }
    pen.putImageData(image, LEFT, TOP);
    bar(s, canvas.width - RIGHT + 14, TOP, h);
    ticks(seen.y, true);
  }
  function drawCurve(name, s) {
    const { w, h } = inner();
    pen.save(); pen.beginPath(); pen.rect(LEFT, TOP, w, h); pen.clip();
    pen.beginPath(); pen.strokeStyle = isError(name) ? "#E69F00" : "#0072B2"; pen.lineWidth = 1.8;
    for (let i = 0; i < across.count; i++) {
      const x = at(across, i / (across.count - 1));
      const v = s.of(numbers[name][step() * size() + i]);
      pen.lineTo(LEFT + (x - seen.x[0]) / (seen.x[1] - seen.x[0]) * w, TOP + h - (v - s.low) / (s.high - s.low) * h);
    }
    pen.stroke(); pen.restore();
    ticks([s.low, s.high], true, s.back);
  }
  function draw() {
    const name = field.value, s = scale(name), { w, h } = inner();
    pen.clearRect(0, 0, canvas.width, canvas.height);
    up ? drawMap(name, s) : drawCurve(name, s);
    ticks(seen.x, false);
    pen.strokeStyle = ink(); pen.lineWidth = 1; pen.strokeRect(LEFT, TOP, w, h);
    pen.textAlign = "center"; pen.fillText(named(across.name), LEFT + w / 2, canvas.height - 4);
    if (up) {
      pen.save(); pen.translate(12, TOP + h / 2); pen.rotate(-Math.PI / 2); pen.fillText(named(up.name), 0, 0); pen.restore();
    }
    sayTime();
  }
  canvas.addEventListener("mousemove", (event) => {
    const [p, q] = place(event), x = toX(p), y = up ? toY(q, seen.y) : 0, v = value(field.value, x, y);
    if (dragged) {
      const move = (ends, shift) => [ends[0] + shift, ends[1] + shift];
      seen = { x: move(dragged.seen.x, (dragged.p - p) / inner().w * (seen.x[1] - seen.x[0])),
               y: up ? move(dragged.seen.y, (q - dragged.q) / inner().h * (seen.y[1] - seen.y[0])) : null };
      draw();
    }
    said.textContent = Number.isFinite(v) ? `${across.name} = ${short(x)}${up ? `, ${up.name} = ${short(y)}` : ""}: ${field.value} = ${v.toPrecision(6)}` : "\u00a0";
  });
  canvas.addEventListener("mousedown", (event) => { const [p, q] = place(event); dragged = { p, q, seen }; });
  window.addEventListener("mouseup", () => { dragged = null; });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const [p, q] = place(event), k = event.deltaY < 0 ? 0.8 : 1.25;
    const about = (ends, c) => [c + k * (ends[0] - c), c + k * (ends[1] - c)];
    seen = { x: about(seen.x, toX(p)), y: up ? about(seen.y, toY(q, seen.y)) : null };
    draw();
  }, { passive: false });
  canvas.addEventListener("dblclick", () => { seen = whole(); draw(); });
  if (up) {
    const shape = (up.ends[1] - up.ends[0]) / (across.ends[1] - across.ends[0]), high = Math.min(560, Math.max(160, Math.round(inner().w * shape)));
    canvas.height = high + TOP + BOTTOM;
    canvas.width = Math.max(160, Math.min(inner().w, Math.round(high / shape))) + LEFT + RIGHT;
  }
  begin(draw);
})();
