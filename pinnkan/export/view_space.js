// A box: three planes through it, each where its slider puts it; drag to turn, wheel to zoom, double click for the start.
// Seen from afar (parallel rays), a plane is an image under an affine map; the planes cut each other into twelve pieces,
// which are drawn from the back to the front.
(function () {
  const [X, Y, Z] = [0, 1, 2], axes = data.axes, RIGHT = 110;
  const start = () => ({ turn: -0.6, tilt: 0.5, zoom: 1 });
  let seen = start(), dragged = null, drawn = [];
  canvas.height = 520;
  canvas.style.cursor = "grab";
  const lengths = axes.map((axis) => axis.ends[1] - axis.ends[0]), longest = Math.max(...lengths);
  // Half of the edges of the box as it is shown: no shorter than a fifth of the longest.
  const half = lengths.map((l) => Math.max(l / longest, 0.2) / 2);
  const cuts = axes.map((axis) => {
    const line = document.createElement("label"), input = document.createElement("input"), text = document.createElement("span");
    Object.assign(input, { type: "range", min: 0, max: axis.count - 1, value: Math.floor((axis.count - 1) / 2) });
    input.setAttribute("aria-label", axis.name);
    input.addEventListener("input", draw);
    line.append(input, text);
    document.getElementById("cuts").append(line, " ");
    return { input, text };
  });
  const cut = (axis) => Number(cuts[axis].input.value);
  const part = (axis, index) => index / (axes[axis].count - 1);

  // Rotation about the vertical z, then tilt: a point of the box, in parts of its edges, to the screen, and its depth.
  function project(parts) {
    const [x, y, z] = parts.map((p, axis) => (2 * p - 1) * half[axis]);
    const [c, s, k, n] = [Math.cos(seen.turn), Math.sin(seen.turn), Math.cos(seen.tilt), Math.sin(seen.tilt)];
    const right = c * x - s * y, away = s * x + c * y, unit = 0.58 * Math.min(canvas.height, canvas.width - RIGHT) * seen.zoom;
    return [(canvas.width - RIGHT) / 2 + unit * right, canvas.height / 2 - unit * (k * z + n * away), n * z - k * away];
  }
  function value(name, index) {
    const [i, j, k] = index, [a, b, c] = axes.map((axis) => axis.count);
    return numbers[name][((step() * c + k) * b + j) * a + i];
  }
  // The plane across an axis as an image of (u, v), the two other axes.
  function painted(name, s, across) {
    const [u, v] = [X, Y, Z].filter((axis) => axis !== across), sheet = document.createElement("canvas");
    sheet.width = axes[u].count; sheet.height = axes[v].count;
    const brush = sheet.getContext("2d"), image = brush.createImageData(sheet.width, sheet.height), index = [0, 0, 0];
    index[across] = cut(across);
    for (index[v] = 0; index[v] < sheet.height; index[v]++) for (index[u] = 0; index[u] < sheet.width; index[u]++) {
      const found = value(name, index), at = 4 * (index[v] * sheet.width + index[u]);
      if (Number.isFinite(found)) image.data.set([...colour(s.map, (s.of(found) - s.low) / (s.high - s.low)), 255], at);
    }
    brush.putImageData(image, 0, 0);
    return { sheet, u, v, across };
  }
  function pieces(plane) {
    const { u, v, across } = plane, found = [];
    const ends = (axis) => [[0, part(axis, cut(axis))], [part(axis, cut(axis)), 1]].filter(([a, b]) => b > a);
    for (const [u0, u1] of ends(u)) for (const [v0, v1] of ends(v)) {
      const corner = (a, b) => { const p = [0, 0, 0]; p[across] = part(across, cut(across)); p[u] = a; p[v] = b; return project(p); };
      found.push({ plane, u0, u1, v0, v1, o: corner(u0, v0), a: corner(u1, v0), b: corner(u0, v1), depth: corner((u0 + u1) / 2, (v0 + v1) / 2)[2] });
    }
    return found;
  }
  function drawPiece({ plane, u0, u1, v0, v1, o, a, b }) {
    const { sheet } = plane, w = sheet.width - 1, h = sheet.height - 1;
    pen.save();
    pen.beginPath(); pen.moveTo(o[0], o[1]); pen.lineTo(a[0], a[1]); pen.lineTo(a[0] + b[0] - o[0], a[1] + b[1] - o[1]); pen.lineTo(b[0], b[1]); pen.closePath();
    pen.clip();
    // samples stand in the middle of pixels
    const [p, q] = [(u1 - u0) * w, (v1 - v0) * h];
    pen.transform((a[0] - o[0]) / p, (a[1] - o[1]) / p, (b[0] - o[0]) / q, (b[1] - o[1]) / q, o[0], o[1]);
    pen.drawImage(sheet, -u0 * w - 0.5, -v0 * h - 0.5);
    pen.restore();
    pen.strokeStyle = "#8886"; pen.lineWidth = 0.7; pen.stroke();
  }
  // Edges of the box; the names and ends of the axes at those that are seen in front and below.
  function edges(front) {
    pen.strokeStyle = ink(); pen.fillStyle = ink(); pen.font = "12px sans-serif"; pen.textAlign = "center";
    const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [n & 1, (n >> 1) & 1, (n >> 2) & 1]);
    const hidden = corners.map(project).reduce((far, c, n, all) => (c[2] < all[far][2] ? n : far), 0);
    for (let n = 0; n < 8; n++) for (const axis of [X, Y, Z]) {
      const other = n | (1 << axis), behind = n === hidden || other === hidden;
      if (other === n || behind === front) continue;
      const [from, to] = [project(corners[n]), project(corners[other])];
      pen.lineWidth = behind ? 0.4 : 1;
      pen.beginPath(); pen.moveTo(from[0], from[1]); pen.lineTo(to[0], to[1]); pen.stroke();
    }
    if (!front) return;
    for (const axis of [X, Y, Z]) {
      // of the four edges along the axis the outermost one, below or to the left
      const along = corners.filter((c) => !c[axis]).map((c) => c.map((p, k) => (k === axis ? 0.5 : p)));
      const score = (c) => { const [x, y] = project(c); return axis === Z ? -x : y; };
      const middle = along.reduce((best, c) => (score(c) > score(best) ? c : best)), put = (p, text) => {
        const [x, y] = project(middle.map((c, k) => (k === axis ? p : c))), [mx, my] = project([0.5, 0.5, 0.5]), d = Math.hypot(x - mx, y - my) || 1;
        pen.fillText(text, x + 20 * (x - mx) / d, y + 20 * (y - my) / d + 4);
      };
      put(0.03, short(axes[axis].ends[0])); put(0.97, short(axes[axis].ends[1])); put(0.5, named(axes[axis].name));
    }
  }
  function draw() {
    const name = field.value, s = scale(name);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    edges(false);
    drawn = [X, Y, Z].flatMap((across) => pieces(painted(name, s, across))).sort((a, b) => a.depth - b.depth);
    drawn.forEach(drawPiece);
    edges(true);
    bar(s, canvas.width - RIGHT + 20, 20, canvas.height - 40);
    cuts.forEach(({ text }, axis) => { text.textContent = ` ${named(axes[axis].name)} = ${short(at(axes[axis], part(axis, cut(axis))))}`; });
    sayTime();
  }
  // The foremost piece under the pointer, and the sample there.
  function under(x, y) {
    for (const { plane, u0, u1, v0, v1, o, a, b } of drawn.slice().reverse()) {
      const [ax, ay, bx, by] = [a[0] - o[0], a[1] - o[1], b[0] - o[0], b[1] - o[1]], d = ax * by - ay * bx;
      if (Math.abs(d) < 1e-9) continue;
      const p = ((x - o[0]) * by - (y - o[1]) * bx) / d, q = ((y - o[1]) * ax - (x - o[0]) * ay) / d;
      if (p < 0 || p > 1 || q < 0 || q > 1) continue;
      const index = [0, 0, 0];
      index[plane.across] = cut(plane.across);
      index[plane.u] = Math.round((u0 + p * (u1 - u0)) * (axes[plane.u].count - 1));
      index[plane.v] = Math.round((v0 + q * (v1 - v0)) * (axes[plane.v].count - 1));
      return index;
    }
    return null;
  }
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    if (dragged) {
      const tilt = dragged.seen.tilt + (y - dragged.y) / 200;
      seen = { ...seen, turn: dragged.seen.turn + (x - dragged.x) / 200, tilt: Math.max(-1.5, Math.min(1.5, tilt)) };
      draw();
    }
    const index = under(x, y);
    said.textContent = index === null ? "\u00a0" : axes.map((axis, k) => `${axis.name} = ${short(at(axis, part(k, index[k])))}`).join(", ") +
      `: ${field.value} = ${value(field.value, index).toPrecision(6)}`;
  });
  canvas.addEventListener("pointerdown", (event) => { const [x, y] = place(event); dragged = { x, y, seen }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointerup", () => { dragged = null; });
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); seen = { ...seen, zoom: seen.zoom * (event.deltaY < 0 ? 1.25 : 0.8) }; draw(); }, { passive: false });
  canvas.addEventListener("dblclick", () => { seen = start(); draw(); });
  begin(draw);
})();
