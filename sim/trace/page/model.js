// SPDX-License-Identifier: Apache-2.0
// The events, unpacked into typed arrays. An event is named by its index here; its number is `data.first` more.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const count = data.k.length;
const times = new Float64Array(count);     // nanoseconds
const causes = new Int32Array(count);      // index of the cause, -1: none
const kind_of = Uint8Array.from(data.k);
const track_of = Uint32Array.from(data.w);
const deed_of = Uint32Array.from(data.d);
const red_kinds = new Set(data.red);
const deeds_lower = data.deeds.map((deed) => deed.toLowerCase());
const effect_first = new Int32Array(count + 1);
const effect_list = new Int32Array(count);
const notes = new Map();                   // faults that fired during an event
const failed_index = data.failed ? data.failed.event - data.first : -1;

function unpack() {
  let at = 0;
  for (let i = 0; i < count; ++i) {
    at += data.t[i];
    times[i] = at;
    causes[i] = data.c[i] > 0 && data.c[i] <= i ? i - data.c[i] : -1;
    if (causes[i] >= 0) ++effect_first[causes[i] + 1];
  }
  for (let i = 0; i < count; ++i) effect_first[i + 1] += effect_first[i];
  const next = effect_first.slice(0, count);
  for (let i = 0; i < count; ++i) if (causes[i] >= 0) effect_list[next[causes[i]]++] = i;
  for (const [event, text] of data.fired) {
    const index = event - data.first;
    if (!notes.has(index)) notes.set(index, []);
    notes.get(index).push(text);
  }
}
unpack();

// For each track its events, and those of them that are faults.
function by_track(wanted) {
  const sizes = new Int32Array(data.tracks.length);
  for (let i = 0; i < count; ++i) if (wanted(i)) ++sizes[track_of[i]];
  const lists = data.tracks.map((track, index) => new Int32Array(sizes[index]));
  sizes.fill(0);
  for (let i = 0; i < count; ++i) if (wanted(i)) lists[track_of[i]][sizes[track_of[i]]++] = i;
  return lists;
}
function is_red(i) { return red_kinds.has(kind_of[i]) || i === failed_index || deed_of[i] === data.crash; }
const track_events = by_track(() => true);
const track_faults = by_track(is_red);
const all_faults = [];
for (let i = 0; i < count; ++i) if (is_red(i)) all_faults.push(i);

function number_of(i) { return i + data.first; }
function who(i) { return data.tracks[track_of[i]].who; }
function place(i) { return data.tracks[track_of[i]].place; }
function deed(i) { return data.deeds[deed_of[i]]; }
function effects(i) { return effect_list.subarray(effect_first[i], effect_first[i + 1]); }
function chain(i) {
  const found = [];
  for (let at = i; at >= 0; at = causes[at]) found.push(at);
  return found.reverse();
}

function grouped(number) { return String(number).replace(/\B(?=(\d{3})+(?!\d))/g, " "); }
// Seconds, to the millisecond or as much finer as it needs, in steps of three digits.
function moment(ns, least = 3) {
  const seconds = Math.floor(ns / 1e9);
  let digits = String(Math.round(ns - seconds * 1e9)).padStart(9, "0");
  while (digits.length > least && digits.endsWith("000")) digits = digits.slice(0, -3);
  return seconds + "." + digits;
}
// The first place in `list` whose event is at `from` or later, by the value of `key`.
function first_at(list, key, from) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(list[middle]) < from) low = middle + 1; else high = middle;
  }
  return low;
}
// An element with a class, a text and what happens on a click; texts are never read as HTML.
function element(name, classes, text, on_click) {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  if (text !== undefined) made.textContent = text;
  if (on_click) made.addEventListener("click", on_click);
  return made;
}
