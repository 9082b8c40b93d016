// SPDX-License-Identifier: Apache-2.0
// The timeline: a lane for each isolate, grouped by machine and shard. Only what is visible is drawn, and of events that
// share a pixel only one; faults are drawn after all others, so that none is hidden.
"use strict";
const timeline = (() => {
  const canvas = document.getElementById("canvas");
  const stage = document.getElementById("stage");
  const tip = document.getElementById("tip");
  const context = canvas.getContext("2d");
  const label_width = 190, overview_height = 26, axis_height = 22, row_height = 18;
  const lanes_top = overview_height + axis_height;
  const rows = [];                         // {head} or {track}
  const row_of_track = new Int32Array(data.tracks.length);
  let width = 0, height = 0, by_order = false, from = 0, to = 1, scroll = 0, hovered = -1, colours = {}, pending = false;

  for (let index = 0, before = null; index < data.tracks.length; ++index) {
    const track = data.tracks[index];
    if (track.place !== before) rows.push({ head: track.place });
    before = track.place;
    row_of_track[index] = rows.length;
    rows.push({ track: index });
  }

  const value = (i) => (by_order ? i : times[i]);
  const last_value = () => (by_order ? count : Math.max(count ? times[count - 1] : 0, 1));
  const least_span = () => (by_order ? 4 : 20);
  const to_x = (v) => label_width + (v - from) / (to - from) * (width - label_width);
  const to_value = (x) => from + (x - label_width) / (width - label_width) * (to - from);
  const row_y = (row) => lanes_top + row * row_height - scroll;
  const y_of = (i) => row_y(row_of_track[track_of[i]]) + row_height / 2;

  function read_colours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["card", "line", "text", "dim", "faint", "accent", "chosen", "chain-line", "red",
      "k-run", "k-message", "k-time", "k-network", "k-life", "k-mark"]) {
      colours[name] = style.getPropertyValue("--" + name).trim() || "#888";
    }
  }
  const colour_of = (i) => (is_red(i) ? colours.red : colours["k-" + data.groups[kind_of[i]]] || colours["k-run"]);

  function show(new_from, new_to) {
    const whole = last_value();
    const span = Math.min(Math.max(new_to - new_from, least_span()), whole * 1.04 + least_span());
    const middle = (new_from + new_to) / 2;
    const low = -whole * 0.02 - least_span() / 2;
    from = Math.max(low, Math.min(middle - span / 2, whole * 1.02 + least_span() / 2 - span));
    to = from + span;
    draw_soon();
  }
  const fit = () => show(-last_value() * 0.02, last_value() * 1.02);
  function scroll_to(y) {
    scroll = Math.max(0, Math.min(y, rows.length * row_height - (height - lanes_top) + 8));
  }
  function zoom(factor, x) {
    const at = to_value(x === undefined ? (label_width + width) / 2 : Math.max(x, label_width));
    show(at - (at - from) * factor, at + (to - at) * factor);
  }
  // Brings an event into view.
  function reveal(i) {
    const v = value(i);
    if (v < from || v > to) show(v - (to - from) / 2, v + (to - from) / 2);
    const y = row_of_track[track_of[i]] * row_height;
    if (y < scroll + row_height || y > scroll + height - lanes_top - 2 * row_height) scroll_to(y - (height - lanes_top) / 2);
    draw_soon();
  }
  function around(i) {
    const span = by_order ? 60 : Math.max(1000, 2 * Math.abs(times[Math.min(count - 1, i + 20)] - times[Math.max(0, i - 20)]));
    show(value(i) - span / 2, value(i) + span / 2);
    reveal(i);
  }

  function tick_step() {
    const wanted = (to - from) / Math.max(1, (width - label_width) / 120);
    const power = Math.pow(10, Math.floor(Math.log10(Math.max(wanted, 1))));
    return power * [1, 2, 5, 10].find((times_power) => times_power * power >= wanted || times_power === 10);
  }
  function draw_axis() {
    const step = tick_step();
    const digits = Math.max(0, Math.min(9, 9 - Math.floor(Math.log10(step))));
    context.fillStyle = colours.dim;
    context.strokeStyle = colours.line;
    context.textAlign = "left";
    for (let v = Math.ceil(Math.max(from, 0) / step) * step; v <= to; v += step) {
      const x = Math.round(to_x(v)) + 0.5;
      context.beginPath();
      context.moveTo(x, overview_height + 14);
      context.lineTo(x, height);
      context.stroke();
      context.fillText(by_order ? grouped(v + data.first) : (v / 1e9).toFixed(digits) + " s", x + 4, overview_height + 15);
    }
  }
  // The whole run: where faults are, and which part is shown below.
  function draw_overview() {
    const scale = (v) => label_width + v / last_value() * (width - label_width);
    context.fillStyle = colours.faint;
    context.fillRect(label_width, 4, width - label_width, overview_height - 8);
    context.fillStyle = colours.chosen;
    const left = Math.max(label_width, scale(from)), right = Math.min(width, scale(to));
    context.fillRect(left, 4, Math.max(3, right - left), overview_height - 8);
    context.fillStyle = colours.red;
    let before = -10;
    for (const i of all_faults) {
      const x = Math.floor(scale(value(i)));
      if (x > before) context.fillRect(x, 7, 1.5, overview_height - 14);
      before = x;
    }
    if (page.selected >= 0) {
      context.fillStyle = colours.accent;
      context.fillRect(scale(value(page.selected)) - 1, 3, 2, overview_height - 6);
    }
    context.fillStyle = colours.dim;
    context.fillText("whole run", 10, 17);
  }
  function draw_events(list, y, tall) {
    for (let at = first_at(list, value, from); at < list.length;) {
      const x = to_x(value(list[at]));
      if (x > width) return;
      context.fillStyle = colour_of(list[at]);
      context.fillRect(x - 1, y + (tall ? 2 : 4), tall ? 3 : 2, row_height - (tall ? 4 : 8));
      const next = to_value(Math.floor(x) + 1.5);
      ++at;
      if (at < list.length && value(list[at]) < next) at += first_at(list.subarray(at), value, next);
    }
  }
  function draw_label(text, y, x, colour) {
    let shown = text;
    const room = label_width - x - 8;
    if (context.measureText(shown).width > room) {
      while (shown.length > 3 && context.measureText(shown + "…").width > room) shown = shown.slice(1);
      shown = "…" + shown;
    }
    context.fillStyle = colour;
    context.fillText(shown, x, y + 13);
  }
  function draw_lanes() {
    const first = Math.max(0, Math.floor(scroll / row_height));
    const end = Math.min(rows.length, Math.ceil((scroll + height - lanes_top) / row_height));
    const chosen_track = page.selected >= 0 ? track_of[page.selected] : -1;
    for (let index = first; index < end; ++index) {
      const row = rows[index], y = row_y(index);
      if (row.head !== undefined) {
        context.fillStyle = colours.faint;
        context.fillRect(0, y + 1, width, row_height - 2);
        draw_label(row.head, y, 8, colours.text);
        continue;
      }
      context.fillStyle = row.track === chosen_track ? colours.chosen : colours.card;
      if (row.track === chosen_track) context.fillRect(0, y, label_width, row_height);
      context.fillStyle = colours.line;
      context.fillRect(label_width, y + row_height / 2, width - label_width, 1);
      draw_events(track_events[row.track], y, false);
      draw_events(track_faults[row.track], y, true);
      // What was drawn left of the lanes goes below the label.
      context.fillStyle = row.track === chosen_track ? colours.chosen : colours.card;
      context.fillRect(0, y, label_width, row_height);
      draw_label(data.tracks[row.track].name, y, 18, row.track === chosen_track ? colours.text : colours.dim);
    }
  }
  function draw_arrow(cause, effect, colour) {
    const x0 = to_x(value(cause)), y0 = y_of(cause), x1 = to_x(value(effect)), y1 = y_of(effect);
    if (Math.max(x0, x1) < label_width || Math.min(x0, x1) > width) return;
    const bend = Math.min(40, Math.abs(x1 - x0) / 2);
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.beginPath();
    context.moveTo(x0, y0);
    context.bezierCurveTo(x0 + bend, y0, x1 - bend, y1, x1, y1);
    context.stroke();
    if (cause === effect || (Math.abs(x1 - x0) < 3 && Math.abs(y1 - y0) < 3)) return;
    const down = bend < 3 ? Math.sign(y1 - y0) : 0;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x1 - (down ? 3 : 6), y1 - (down ? 6 * down : 3));
    context.lineTo(x1 + (down ? 3 : -6), y1 - (down ? 6 * down : -3));
    context.fill();
  }
  function draw_links() {
    context.save();
    context.beginPath();
    context.rect(label_width, lanes_top, width - label_width, height - lanes_top);
    context.clip();
    context.lineWidth = 1.5;
    // Of a long chain only what comes into view.
    const linked = page.chain;
    const begin = Math.max(1, first_at(linked, value, from) - 1);
    for (let at = begin; at < linked.length; ++at) {
      draw_arrow(linked[at - 1], linked[at], colours["chain-line"]);
      if (value(linked[at]) > to) break;
    }
    for (const i of [page.selected, hovered]) {
      if (i < 0) continue;
      for (const effect of effects(i).subarray(0, 200)) draw_arrow(i, effect, colours.accent);
      if (i === hovered && causes[i] >= 0) draw_arrow(causes[i], i, colours["chain-line"]);
      context.beginPath();
      context.arc(to_x(value(i)), y_of(i), 5, 0, 2 * Math.PI);
      context.strokeStyle = i === page.selected ? colours.accent : colours.text;
      context.stroke();
    }
    context.lineWidth = 1;
    context.restore();
  }
  function draw() {
    pending = false;
    if (width <= label_width || height <= lanes_top) return;
    context.fillStyle = colours.card;
    context.fillRect(0, 0, width, height);
    context.font = "11px ui-monospace, Menlo, Consolas, monospace";
    draw_axis();
    context.save();
    context.beginPath();
    context.rect(0, lanes_top, width, height - lanes_top);
    context.clip();
    draw_lanes();
    context.restore();
    draw_links();
    draw_overview();
  }
  function draw_soon() {
    if (!pending) requestAnimationFrame(draw);
    pending = true;
  }

  function resize() {
    const box = stage.getBoundingClientRect();
    const scale = window.devicePixelRatio || 1;
    width = box.width;
    height = box.height;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    scroll_to(scroll);
    draw_soon();
  }
  // The event nearest to a point, within a few pixels.
  function event_at(x, y) {
    const row = rows[Math.floor((y - lanes_top + scroll) / row_height)];
    if (y < lanes_top || x < label_width || !row || row.track === undefined) return -1;
    const nearest = (list) => {
      const at = first_at(list, value, to_value(x));
      let best = -1, distance = 7;
      for (const i of [list[at - 1], list[at]]) {
        if (i === undefined || Math.abs(to_x(value(i)) - x) >= distance) continue;
        best = i;
        distance = Math.abs(to_x(value(i)) - x);
      }
      return best;
    };
    const fault = nearest(track_faults[row.track]);
    return fault >= 0 ? fault : nearest(track_events[row.track]);
  }
  function show_tip(x, y) {
    tip.hidden = hovered < 0;
    if (hovered < 0) return;
    tip.replaceChildren(element("b", is_red(hovered) ? "red" : "", who(hovered) + " " + deed(hovered)),
      element("div", "hint", grouped(number_of(hovered)) + "  at " + moment(times[hovered]) + " s"));
    tip.style.left = Math.max(4, Math.min(x + 14, width - 330)) + "px";
    tip.style.top = (y > height - 70 ? y - 56 : y + 16) + "px";
  }

  let drag = null;
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  function overview_to(x) {
    const v = (x - label_width) / (width - label_width) * last_value();
    show(v - (to - from) / 2, v + (to - from) / 2);
  }
  canvas.addEventListener("pointerdown", (event) => {
    const { x, y } = point(event);
    drag = { x, y, from, to, scroll, moved: false, overview: y < overview_height };
    canvas.setPointerCapture(event.pointerId);
    if (drag.overview) overview_to(x);
  });
  canvas.addEventListener("pointermove", (event) => {
    const { x, y } = point(event);
    if (!drag) {
      hovered = event_at(x, y);
      show_tip(x, y);
      return draw_soon();
    }
    if (drag.overview) return overview_to(x);
    drag.moved = drag.moved || Math.abs(x - drag.x) + Math.abs(y - drag.y) > 4;
    if (!drag.moved) return;
    const by = (x - drag.x) / (width - label_width) * (drag.to - drag.from);
    scroll_to(drag.scroll - (y - drag.y));
    show(drag.from - by, drag.to - by);
  });
  canvas.addEventListener("pointerup", (event) => {
    const { x, y } = point(event);
    const clicked = drag && !drag.moved && !drag.overview ? event_at(x, y) : -1;
    drag = null;
    if (clicked >= 0) page.select(clicked);
  });
  canvas.addEventListener("pointerleave", () => {
    hovered = -1;
    show_tip(0, 0);
    draw_soon();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x } = point(event);
    const by = event.deltaMode === 1 ? 16 : 1;
    if (x < label_width) {
      scroll_to(scroll + event.deltaY * by);
      return draw_soon();
    }
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const span = sideways * by / (width - label_width) * (to - from);
      return show(from + span, to + span);
    }
    zoom(Math.pow(1.0018, event.deltaY * by), x);
  }, { passive: false });

  function set_axis(order) {
    const middle = page.selected;
    by_order = order;
    document.getElementById("axis_time").classList.toggle("on", !order);
    document.getElementById("axis_order").classList.toggle("on", order);
    if (middle >= 0 && order) around(middle); else fit();
  }
  document.getElementById("axis_time").addEventListener("click", () => set_axis(false));
  document.getElementById("axis_order").addEventListener("click", () => set_axis(true));
  document.getElementById("fit").addEventListener("click", fit);
  document.getElementById("zoom_selection").addEventListener("click", () => { if (page.selected >= 0) around(page.selected); });
  window.addEventListener("resize", resize);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { read_colours(); draw_soon(); });

  function start() {
    read_colours();
    resize();
    fit();
  }
  return { start, reveal, zoom, draw_soon };
})();
