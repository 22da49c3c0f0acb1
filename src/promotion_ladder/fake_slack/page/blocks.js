// Draws what the server has parsed. Everything becomes text nodes: nothing a message carries is ever read as HTML.

export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

// Emoji by Slack's names. The first ones are drawn as signs, so that a verdict shows on machines without an emoji font.
const SIGNS = {
  "✅": ["✓", "green tile"], "❌": ["✕", "red tile"], "⚠️": ["!", "amber tile"], "🚨": ["!", "red tile"], "⛔": ["–", "red round"],
  "🛑": ["■", "red bare"], "🟢": ["●", "green bare"], "🟡": ["●", "amber bare"], "🔴": ["●", "red bare"], "⚪": ["○", "grey bare"],
  "🔵": ["●", "blue bare"], "⏳": ["…", "grey tile"], "⌛": ["…", "grey tile"], "⏸️": ["‖", "blue tile"], "▶️": ["▸", "blue tile"],
  "⏹️": ["▪", "blue tile"], "⬆️": ["↑", "blue tile"], "➡️": ["→", "blue tile"], "⬅️": ["←", "blue tile"], "⬇️": ["↓", "blue tile"],
  "❓": ["?", "amber round"], "ℹ️": ["i", "blue round"], "✔️": ["✓", "green bare"],
};
const NAMES = {
  white_check_mark: "✅", x: "❌", warning: "⚠️", rotating_light: "🚨", no_entry: "⛔", octagonal_sign: "🛑",
  large_green_circle: "🟢", large_yellow_circle: "🟡", red_circle: "🔴", white_circle: "⚪", large_blue_circle: "🔵",
  hourglass_flowing_sand: "⏳", hourglass: "⌛", double_vertical_bar: "⏸️", pause_button: "⏸️", arrow_forward: "▶️",
  black_square_for_stop: "⏹️", arrow_up: "⬆️", arrow_right: "➡️", arrow_left: "⬅️", arrow_down: "⬇️", question: "❓",
  information_source: "ℹ️", heavy_check_mark: "✔️", chart_with_upwards_trend: "📈", chart_with_downwards_trend: "📉", eyes: "👀",
  lock: "🔒", unlock: "🔓", raised_hand: "✋", hand: "✋", bell: "🔔", mag: "🔍", ladder: "🪜", rocket: "🚀", pushpin: "📌",
  thumbsup: "👍", "+1": "👍", fire: "🔥", tada: "🎉", clock1: "🕐", page_facing_up: "📄", memo: "📝",
};
const SIGN = new RegExp(`(${Object.keys(SIGNS).map((sign) => sign.replace("\ufe0f", "\ufe0f?")).join("|")})`, "u");

function signOf(character) {
  const [drawn, look] = SIGNS[character] ?? SIGNS[`${character}\ufe0f`] ?? [];
  return drawn && h("span", { class: `sign ${look}`, role: "img", "aria-label": character }, drawn);
}

export function emoji(name) {
  const character = NAMES[name];
  if (!character) return h("span", { class: "emoji" }, `:${name}:`);
  return h("span", { class: "emoji", title: `:${name}:`, "data-emoji": name }, signOf(character) ?? character);
}

// Plain words, with the signs among them drawn.
const words = (text) => text.split(SIGN).filter(Boolean).map((part) => signOf(part) ?? document.createTextNode(part));

const safe = (url) => (/^(https?:|mailto:)/i.test(url) ? url : undefined);
const link = (url, text) => h("a", { href: safe(url), target: "_blank", rel: "noreferrer noopener" }, text);
const STYLES = { b: "strong", i: "em", s: "s", code: "code", pre: "pre", quote: "blockquote" };

export function nodes(list) {
  return list.map((node) => {
    if (node.t in STYLES) return h(STYLES[node.t], {}, nodes(node.c));
    switch (node.t) {
      case "link": return link(node.url, node.v);
      case "mention": return h("span", { class: node.me ? "mention me" : "mention" }, node.v);
      case "emoji": return emoji(node.v);
      case "date": {
        const time = h("time", { datetime: new Date(node.at * 1000).toISOString() }, node.v);
        return node.url ? link(node.url, time) : time;
      }
      default: return words(node.v);
    }
  });
}

// A text object: mrkdwn has its nodes, plain text only its emoji.
export function text(object) {
  if (object.nodes) return nodes(object.nodes);
  return object.text.split(/(:[a-z0-9_+-]+:)/).map((part) => {
    const name = part.slice(1, -1);
    return part.startsWith(":") && NAMES[name] ? emoji(name) : words(part);
  });
}

export function image(block) {
  const file = block.slack_file?.id;
  const source = file ? `/files/${file}/picture` : localised(block.image_url ?? block.slack_file?.url);
  return h("img", { src: source, alt: block.alt_text, loading: "lazy" });
}

// An upload's address holds the port of the server that took it; after a restart only its path is right.
function localised(url) {
  const found = /^http:\/\/127\.0\.0\.1:\d+(\/files\/.+)$/.exec(url ?? "");
  return found ? found[1] : safe(url ?? "");
}

function button(element, block, act) {
  if (element.url) {
    return h("a", { class: `button ${element.style ?? ""}`, href: safe(element.url), target: "_blank", rel: "noreferrer",
      "data-action": element.action_id, onclick: () => act(element, block) }, text(element.text));
  }
  return h("button", { type: "button", class: `button ${element.style ?? ""}`, "data-action": element.action_id,
    "data-block": block.block_id, "data-value": element.value, "aria-label": element.accessibility_label,
    onclick: () => act(element, block) }, text(element.text));
}

const optionsOf = (element) => (element.option_groups ? element.option_groups.flatMap((group) => group.options) : element.options);
const plain = (object) => object?.text ?? "";

// An element that a person can change; `value()` reads it. Outside a form every change goes to the app at once.
export function control(element, users, props = {}) {
  const initial = element.initial_option?.value ?? element.initial_date ?? element.initial_user ?? element.initial_value ?? "";
  switch (element.type) {
    case "plain_text_input":
      return h(element.multiline ? "textarea" : "input", { ...props, "data-action": element.action_id, rows: 4, value: initial,
        placeholder: plain(element.placeholder), maxlength: element.max_length ?? 3000 });
    case "number_input":
      return h("input", { ...props, type: "text", inputmode: "decimal", "data-action": element.action_id, value: initial,
        placeholder: plain(element.placeholder) });
    case "datepicker":
      return h("input", { ...props, type: "date", "data-action": element.action_id, value: initial });
    case "users_select":
    case "static_select":
    case "overflow": {
      const offered = element.type === "users_select"
        ? users.map((user) => ({ value: user.id, text: { text: user.real_name } })) : optionsOf(element);
      const first = element.type === "overflow" ? "⋯" : plain(element.placeholder) || "Choose an option";
      return h("select", { ...props, "data-action": element.action_id },
        h("option", { value: "", selected: !initial }, first),
        offered.map((option) => h("option", { value: option.value, selected: option.value === initial }, plain(option.text))));
    }
    default: return choices(element, props);
  }
}

function choices(element, props) {
  const one = element.type === "radio_buttons";
  const chosen = new Set((element.initial_options ?? [element.initial_option]).map((option) => option?.value));
  const name = `choice-${element.action_id}-${Math.random()}`;
  return h("div", { ...props, class: "choices", role: one ? "radiogroup" : "group", "data-action": element.action_id },
    optionsOf(element).map((option) => h("label", {},
      h("input", { type: one ? "radio" : "checkbox", name, value: option.value, checked: chosen.has(option.value) }),
      h("span", {}, text(option.text), option.description ? h("small", {}, text(option.description)) : null))));
}

// What stands in a control: a string, a list for those that take several, null for nothing.
export function valueOf(element, node) {
  if (!node.classList.contains("choices")) return node.value || null;
  const chosen = [...node.querySelectorAll("input:checked")].map((input) => input.value);
  return element.type === "radio_buttons" ? chosen[0] ?? null : chosen;
}

function interactive(element, block, context) {
  if (element.type === "button") return button(element, block, context.act);
  if (element.type === "image") return image(element);
  const node = control(element, context.users, { "aria-label": plain(element.placeholder) || element.action_id });
  node.addEventListener("change", () => {
    const value = valueOf(element, node);
    if (value !== null) context.act(element, block, value);
  });
  return node;
}

function richInline(element) {
  if (element.type === "node") return nodes([element]);
  if (element.type === "emoji") return [emoji(element.name)];
  const style = element.style ?? {};
  const shown = element.type === "link" ? link(element.url, element.text ?? element.url) : words(element.text ?? "");
  return [["code", "code"], ["strike", "s"], ["italic", "em"], ["bold", "strong"]]
    .filter(([name]) => style[name]).reduce((inner, [, tag]) => [h(tag, {}, inner)], [shown]);
}

function rich(element) {
  const inner = element.elements;
  switch (element.type) {
    case "rich_text_list":
      return h(element.style === "ordered" ? "ol" : "ul", { class: "rich-list" }, inner.map((item) => h("li", {}, rich(item))));
    case "rich_text_quote": return h("blockquote", {}, inner.map(richInline));
    case "rich_text_preformatted": return h("pre", {}, inner.map(richInline));
    default: return h("div", {}, inner.map(richInline));
  }
}

function table(block) {
  const settings = block.column_settings ?? [];
  const cell = (tag) => (one, n) => h(tag, { class: `${settings[n]?.align ?? "left"} ${settings[n]?.is_wrapped ? "wrapped" : ""}` },
    one.type === "rich_text" ? one.elements.map(rich) : text(one));
  const [head, ...rows] = block.rows;
  return h("div", { class: "table", tabindex: "0", role: "region", "aria-label": "Table" }, h("table", {},
    h("thead", {}, h("tr", {}, head.map(cell("th")))), h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell("td")))))));
}

function input(block, context) {
  const id = `input-${context.holder}-${block.block_id}`;
  const error = context.errors?.[block.block_id];
  const node = control(block.element, context.users, { id, "aria-invalid": error ? "true" : undefined,
    "aria-describedby": error ? `${id}-error` : undefined, "aria-required": block.optional ? undefined : "true" });
  return h("div", { class: `input ${error ? "wrong" : ""}` },
    h("label", { for: id }, text(block.label), block.optional ? h("span", { class: "optional" }, " (optional)") : null), node,
    error ? h("p", { class: "error", id: `${id}-error`, role: "alert" }, error) : null,
    block.hint ? h("p", { class: "hint" }, text(block.hint)) : null);
}

function inside(block, context) {
  switch (block.type) {
    case "header": return h("h3", { class: "header" }, text(block.text));
    case "divider": return h("hr", {});
    case "section":
      return [h("div", { class: "words" }, block.text ? h("div", { class: "text" }, text(block.text)) : null,
        block.fields ? h("div", { class: "fields" }, block.fields.map((field) => h("div", { class: "text" }, text(field)))) : null),
      block.accessory ? h("div", { class: "accessory" }, interactive(block.accessory, block, context)) : null];
    case "context":
      return block.elements.map((one) => (one.type === "image" ? image(one) : h("span", { class: "text" }, text(one))));
    case "actions": return block.elements.map((one) => interactive(one, block, context));
    case "image":
      return h("figure", {}, block.title ? h("figcaption", {}, text(block.title)) : null, image(block));
    case "rich_text": return block.elements.map(rich);
    case "table": return table(block);
    case "input": return input(block, context);
    default: return `[${block.type}]`;
  }
}

// context: act(element, block, value), users, holder (an id for labels), errors by block id.
export function blocks(list, context) {
  return list.map((block) => h("div", { class: `block ${block.type}`, "data-block": block.block_id, "data-type": block.type },
    inside(block, context)));
}
