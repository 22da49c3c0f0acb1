// Dialogs over the page: the app's modals, and a button's question before it acts.
import { blocks, h, text, valueOf } from "/page/blocks.js";

const FOCUSABLE = "button, [href], input, select, textarea";

function overlay(label, data, onclose, ...children) {
  const box = h("div", { class: "dialog", role: "dialog", "aria-modal": "true", "aria-label": label, tabindex: "-1", ...data },
    children);
  const layer = h("div", { class: "overlay" }, box);
  layer.addEventListener("keydown", (event) => {
    if (event.key === "Escape") onclose();
    if (event.key !== "Tab") return;
    const stops = [...box.querySelectorAll(FOCUSABLE)].filter((one) => !one.disabled);
    const edge = event.shiftKey ? stops[0] : stops.at(-1);
    if (document.activeElement === edge) {
      event.preventDefault();
      (event.shiftKey ? stops.at(-1) : stops[0]).focus();
    }
  });
  return layer;
}

// Asks before a button acts; resolves to whether it may.
export function ask(confirm) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const end = (answer) => { layer.remove(); before?.focus(); resolve(answer); };
    const layer = overlay(confirm.title.text, { class: "dialog small", "data-role": "confirm" }, () => end(false),
      h("header", {}, h("h2", {}, text(confirm.title))),
      h("div", { class: "body" }, h("div", { class: "text" }, text(confirm.text))),
      h("footer", {},
        h("button", { type: "button", class: "button", "data-role": "deny", onclick: () => end(false) }, text(confirm.deny)),
        h("button", { type: "button", class: `button ${confirm.style ?? "primary"}`, "data-role": "confirm",
          onclick: () => end(true) }, text(confirm.confirm))));
    document.getElementById("layers").append(layer);
    layer.querySelector("[data-role=deny]").focus();
  });
}

// Draws a modal; `tell` is given what the person did. What was typed survives a redraw after errors.
export function modal(view, context, tell) {
  const inputs = view.blocks.filter((block) => block.type === "input");
  const form = h("form", { class: "body", novalidate: true },
    context.problem ? h("p", { class: "banner", role: "alert" }, context.problem) : null, blocks(view.blocks, context));
  const control = (block) => form.querySelector(`[data-block="${CSS.escape(block.block_id)}"] [data-action]`);
  const values = () => Object.fromEntries(inputs.map((block) => [block.block_id, valueOf(block.element, control(block))]));
  const submit = (event) => { event?.preventDefault(); tell.submit(values()); };
  form.addEventListener("submit", submit);
  for (const block of inputs) refill(block, control(block), context.values?.[block.block_id]);
  const layer = overlay(view.title, { "data-view": view.id }, tell.close,
    h("header", {}, h("h2", {}, view.title),
      h("button", { type: "button", class: "icon", "aria-label": "Close", onclick: tell.close }, "✕")),
    form,
    h("footer", {},
      h("button", { type: "button", class: "button", "data-role": "close", onclick: tell.close }, view.close),
      view.submit ? h("button", { type: "button", class: "button primary", "data-role": "submit", onclick: submit }, view.submit)
        : null));
  return layer;
}

function refill(block, node, value) {
  if (value === undefined || value === null || !node) return;
  if (!node.classList.contains("choices")) { node.value = Array.isArray(value) ? value[0] : value; return; }
  for (const input of node.querySelectorAll("input")) input.checked = [value].flat().includes(input.value);
}
