// SPDX-License-Identifier: Apache-2.0
// The verdict, the panel that says why, what is selected, and the keys.
"use strict";
const why = (() => {
  const panel = document.getElementById("why");
  const oldest = 4, newest = 40;

  function link(i, label) { return element("span", "link", label, () => page.select(i)); }
  function fact(list, name, content) {
    const value = element("dd");
    value.append(content);
    list.append(element("dt", "", name), value);
  }
  function step(i, chosen) {
    const item = element("li", (is_red(i) ? "red" : "") + (i === chosen ? " chosen" : ""), undefined, () => page.select(i, false, true));
    item.append(element("span", is_red(i) ? "red" : "", who(i) + " " + deed(i)),
      element("small", "", "event " + grouped(number_of(i)) + ", at " + moment(times[i]) + " s, " + place(i)));
    for (const note of notes.get(i) || []) item.append(element("span", "note", "fault: " + note));
    return item;
  }
  function steps(list, chosen, whole) {
    const made = element("ol");
    list.forEach((i, at) => {
      const left_out = list.length - oldest - newest;
      if (whole || left_out <= 1 || at < oldest || at >= oldest + left_out) return made.append(step(i, chosen));
      if (at !== oldest) return undefined;
      const more = element("li", "more", undefined, () => made.replaceWith(steps(list, chosen, list.length <= 5000)));
      more.append(link_text(left_out, list.length));
      return made.append(more);
    });
    return made;
  }
  function link_text(left_out, all) {
    const text = grouped(left_out) + " more, each the cause of the next";
    return element("span", all <= 5000 ? "link" : "hint", text);
  }
  function facts_of(i) {
    const list = element("dl");
    fact(list, "event", grouped(number_of(i)) + "  " + data.kinds[kind_of[i]].replace(/_/g, " "));
    fact(list, "time", moment(times[i], 9) + " s");
    fact(list, "where", place(i));
    if (causes[i] >= 0) fact(list, "cause", link(causes[i], grouped(number_of(causes[i]))));
    const led_to = effects(i);
    if (!led_to.length) return list;
    const links = element("span");
    led_to.subarray(0, 24).forEach((effect) => links.append(link(effect, grouped(number_of(effect))), "  "));
    if (led_to.length > 24) links.append("and " + grouped(led_to.length - 24) + " more");
    fact(list, "led to", links);
    return list;
  }
  // `linked` is shown, `i` is marked in it and its facts are above.
  function show(i, linked) {
    panel.replaceChildren();
    if (i < 0) {
      panel.append(element("h2", "", "Why did this happen?"),
        element("p", "said", "Select an event, in the timeline or in the table, to see what led to it."));
      return;
    }
    panel.append(element("h2", "", i === failed_index ? "The failure" : "Event " + grouped(number_of(i))),
      element("p", "said" + (is_red(i) ? " red" : ""), who(i) + " " + deed(i)));
    if (i === failed_index) panel.append(element("p", "red", "Here it does not hold: " + data.failed.property));
    panel.append(facts_of(i));
    for (const note of notes.get(i) || []) panel.append(element("p", "red", "A fault fired during it: " + note));
    const end = linked[linked.length - 1];
    panel.append(element("h2", "", end === i ? "Why did this happen?" : "Why event " + grouped(number_of(end)) + " happened"));
    if (linked.length === 1) panel.append(element("p", "", "It follows from nothing that was recorded."));
    else panel.append(steps(linked, i, false));
  }
  return { show };
})();

const page = {
  selected: -1,
  chain: [],
  in_chain: new Set(),
  in_chain_kept: false,
  // `keep_chain`: goes to an event of the chain that is shown, and leaves that chain.
  select(i, from_table, keep_chain) {
    if (i < 0 || i >= count) return;
    page.selected = i;
    page.in_chain_kept = Boolean(keep_chain && page.in_chain.has(i));
    if (!page.in_chain_kept) {
      page.chain = chain(i);
      page.in_chain = new Set(page.chain);
    }
    why.show(i, page.chain);
    timeline.reveal(i);
    table.selection_changed(i);
    try { history.replaceState(null, "", "#" + number_of(i)); } catch (refused) { /* a page without an address */ }
  },
};

function show_verdict() {
  const head = document.getElementById("verdict");
  const failed = data.failed;
  const title = failed ? failed.property : data.unusable ? "The scenario could not be run" : "Every property held";
  document.title = (failed ? "failed: " + failed.property : "trace") + (data.scenario ? " - " + data.scenario : "");
  head.append(element("span", "badge" + (failed || data.unusable ? "" : " passed"), failed ? "FAILED" : data.unusable ? "NOT RUN" : "PASSED"));
  head.append(element("h1", "", title));
  if (failed && failed.detail) head.append(element("span", "detail", failed.detail));
  if (data.unusable) head.append(element("span", "detail", data.unusable));
  const facts = element("div", "facts");
  const said = [];
  if (data.scenario) said.push(data.scenario);
  if (data.seed) said.push("seed " + data.seed);
  if (failed) said.push("event " + grouped(failed.event) + ", at " + moment(failed.at) + " s");
  said.push(grouped(data.events) + " events, " + moment(data.virtual) + " s simulated", "digest " + data.digest,
    grouped(data.fault_count) + (data.fault_count === 1 ? " fault fired" : " faults fired"));
  facts.append(said.join("  ·  "));
  if (data.reproduce) facts.append("  ·  reproduce: ", element("code", "", data.reproduce));
  head.append(facts);
}

function next_fault(by) {
  let at = first_at(all_faults, (i) => i, page.selected + (by > 0 ? 1 : 0));
  if (by < 0) --at;
  if (at >= 0 && at < all_faults.length) page.select(all_faults[at]);
}
const keys = {
  ArrowDown: () => page.select(table.next(page.selected, 1)),
  ArrowUp: () => page.select(table.next(page.selected, -1)),
  PageDown: () => page.select(table.next(page.selected, table.page_rows())),
  PageUp: () => page.select(table.next(page.selected, -table.page_rows())),
  Home: () => page.select(table.next(-1, 1)),
  End: () => page.select(table.next(-1, -1)),
  ArrowLeft: () => { if (page.selected >= 0) page.select(causes[page.selected]); },
  ArrowRight: () => { if (page.selected >= 0 && effects(page.selected).length) page.select(effects(page.selected)[0]); },
  f: () => next_fault(1),
  F: () => next_fault(-1),
  x: () => page.select(failed_index),
  "+": () => timeline.zoom(0.6),
  "-": () => timeline.zoom(1 / 0.6),
  "/": () => table.focus_search(),
};
document.addEventListener("keydown", (event) => {
  const field = event.target && /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName || "");
  if (field && event.key === "Escape") event.target.blur();
  if (field || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});

show_verdict();
timeline.start();
table.start();
why.show(-1, []);
page.select(/^#\d+$/.test(location.hash) ? Number(location.hash.slice(1)) - data.first : failed_index);
