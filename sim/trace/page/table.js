// SPDX-License-Identifier: Apache-2.0
// The table of events, with the lines of the log between them. There are only as many rows as are visible. What is shown
// is a list of events; a line of the log is in it as -1 less its index.
"use strict";
const table = (() => {
  const rows = document.getElementById("rows");
  const space = document.getElementById("rows_space");
  const rows_window = document.getElementById("rows_window");
  const text = document.getElementById("text");
  const who_filter = document.getElementById("who");
  const kind_filter = document.getElementById("kind");
  const only_chain = document.getElementById("only_chain");
  const row_height = 22, tallest = 8000000;      // browsers do not lay out what is much taller
  let shown = new Int32Array(0), pending = false;

  const log_at = data.log.map((line) => line[0]);
  const log_text = data.log.map((line) => line[1]);
  const log_lower = log_text.map((line) => line.toLowerCase());
  const names_lower = data.tracks.map((track) => (track.place + " " + track.who).toLowerCase());

  function option(select, value, label) {
    const made = element("option", "", label);
    made.value = value;
    select.append(made);
  }
  function fill_filters() {
    option(who_filter, "", "everyone");
    const names = [...new Set(data.tracks.map((track) => track.who))].sort();
    for (const name of names) option(who_filter, name, name);
    option(kind_filter, "", "all kinds");
    option(kind_filter, "faults", "faults, crashes, failures");
    const used = new Set(kind_of);
    data.kinds.forEach((name, index) => { if (used.has(index)) option(kind_filter, String(index), name.replace(/_/g, " ")); });
    if (data.log.length) option(kind_filter, "log", "log lines");
  }

  function filter() {
    const wanted = text.value.trim().toLowerCase();
    const number = /^[\d ]+$/.test(wanted) ? Number(wanted.replace(/ /g, "")) - data.first : -1;
    const deed_fits = Uint8Array.from(deeds_lower, (deed) => (deed.includes(wanted) ? 1 : 0));
    const name_fits = Uint8Array.from(names_lower, (name) => (name.includes(wanted) ? 1 : 0));
    const of_whom = Uint8Array.from(data.tracks, (track) => (!who_filter.value || track.who === who_filter.value ? 1 : 0));
    const kind = kind_filter.value;
    const kind_index = kind && kind !== "faults" && kind !== "log" ? Number(kind) : -1;
    const in_chain = only_chain.checked ? new Set(page.chain) : null;
    const both = (i) => names_lower[track_of[i]] + " " + deeds_lower[deed_of[i]];
    const fits = (i) => of_whom[track_of[i]] && (kind_index < 0 || kind_of[i] === kind_index)
      && (kind !== "faults" || is_red(i)) && (!in_chain || in_chain.has(i))
      && (!wanted || i === number || deed_fits[deed_of[i]] || name_fits[track_of[i]] || both(i).includes(wanted));
    const log_shows = !who_filter.value && !in_chain && (!kind || kind === "log");
    const found = [];
    let line = 0;
    const take_log = (until) => {
      for (; line < log_at.length && log_at[line] < until; ++line) {
        if (log_shows && (!wanted || log_lower[line].includes(wanted))) found.push(-1 - line);
      }
    };
    for (let i = 0; i < count; ++i) {
      if (line < log_at.length) take_log(times[i]);
      if (kind !== "log" && fits(i)) found.push(i);
    }
    take_log(Infinity);
    shown = Int32Array.from(found);
    space.style.height = Math.min(shown.length * row_height, tallest) + "px";
    document.getElementById("shown_count").textContent = shown.length === count + log_at.length
      ? grouped(count) + " events" : grouped(shown.length) + " of " + grouped(count);
    if (page.selected >= 0) reveal(page.selected); else draw_soon();
  }

  // How far the rows are behind where the scroll bar says, for tables too tall to lay out.
  const all_height = () => shown.length * row_height;
  const laid_height = () => Math.min(all_height(), tallest);
  function top_row() {
    const room = Math.max(1, laid_height() - rows.clientHeight);
    const share = Math.min(1, rows.scrollTop / room);
    return all_height() > tallest ? share * Math.max(0, all_height() - rows.clientHeight) / row_height : rows.scrollTop / row_height;
  }
  function scroll_to_row(row) {
    const limit = Math.max(0, all_height() - rows.clientHeight);
    const wanted = Math.max(0, Math.min(row * row_height, limit));
    const room = Math.max(0, laid_height() - rows.clientHeight);
    rows.scrollTop = all_height() > tallest ? wanted / Math.max(1, limit) * room : wanted;
  }

  function log_row(line) {
    const row = element("div", "row log");
    row.append(element("span"), element("span", "", moment(log_at[line], 9)), element("span", "", "log"), element("span", "", log_text[line]));
    return row;
  }
  function event_row(i, in_chain) {
    const classes = "row" + (is_red(i) ? " red" : "") + (in_chain.has(i) ? " chain" : "") + (i === page.selected ? " chosen" : "");
    const row = element("div", classes, undefined, () => page.select(i, true));
    const what = element("span", "", deed(i));
    what.title = who(i) + " " + deed(i);
    row.append(element("span", "", grouped(number_of(i))), element("span", "", moment(times[i], 9)),
      element("span", "", place(i)), element("span", "", who(i)), what);
    row.append(causes[i] < 0 ? element("span") : element("span", "link", "← " + grouped(number_of(causes[i])), (event) => {
      event.stopPropagation();
      page.select(causes[i]);
    }));
    return row;
  }
  function draw() {
    pending = false;
    const top = top_row();
    const first = Math.max(0, Math.floor(top) - 4);
    const end = Math.min(shown.length, Math.ceil(top + rows.clientHeight / row_height) + 4);
    const made = [];
    for (let at = first; at < end; ++at) made.push(shown[at] < 0 ? log_row(-1 - shown[at]) : event_row(shown[at], page.in_chain));
    rows_window.replaceChildren(...made);
    rows_window.style.top = rows.scrollTop + (first - top) * row_height + "px";
  }
  function draw_soon() {
    if (!pending) requestAnimationFrame(draw);
    pending = true;
  }

  // The place of an event among those shown; where it is not shown, of the next that is.
  function place_of(i) {
    let low = 0, high = shown.length;
    const event_at = (at) => { while (at < shown.length && shown[at] < 0) ++at; return at < shown.length ? shown[at] : count; };
    while (low < high) {
      const middle = (low + high) >> 1;
      if (event_at(middle) < i) low = middle + 1; else high = middle;
    }
    while (low < shown.length && shown[low] < 0) ++low;
    return low;
  }
  function reveal(i) {
    const at = place_of(i), top = top_row(), visible = rows.clientHeight / row_height;
    if (at < top + 1 || at > top + visible - 2) scroll_to_row(at - visible / 2);
    draw_soon();
  }
  // The event `by` events further among those shown, from `i`; -1: there is none.
  function next(i, by) {
    let at = i < 0 ? (by > 0 ? -1 : shown.length) : place_of(i);
    if (i >= 0 && by > 0 && shown[at] !== i) --at;
    for (let left = Math.abs(by), found = -1; ; ) {
      at += Math.sign(by);
      if (at < 0 || at >= shown.length) return found;
      if (shown[at] < 0) continue;
      found = shown[at];
      if (--left === 0) return found;
    }
  }

  let typing = 0;
  text.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(filter, 120); });
  for (const each of [who_filter, kind_filter, only_chain]) each.addEventListener("change", filter);
  rows.addEventListener("scroll", draw_soon);
  window.addEventListener("resize", draw_soon);

  function start() {
    fill_filters();
    filter();
  }
  function selection_changed(i) {
    if (only_chain.checked && !page.in_chain_kept) filter(); else reveal(i);
  }
  return { start, next, selection_changed, focus_search: () => text.focus(), page_rows: () => Math.max(1, Math.floor(rows.clientHeight / row_height) - 1) };
})();
