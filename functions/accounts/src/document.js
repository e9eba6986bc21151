"use strict";
// Renders openapi.json. Everything of the document becomes text, never markup.

const element = (name, attributes, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== undefined));
  return made;
};

// Paragraphs, with `code` in them.
const prose = (text) =>
  (text || "").trim().split(/\n{2,}/).filter(Boolean).map((paragraph) =>
    element("p", {}, ...paragraph.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part))));

const json = (value) => element("pre", {}, JSON.stringify(value, null, 2));

const render = (api) => {
  const resolve = (value) =>
    value && value.$ref ? value.$ref.slice(2).split("/").reduce((inside, name) => inside[name], api) : value;
  const nameOf = (schema) => schema.$ref && schema.$ref.split("/").pop();

  const choicesOf = (schema) => schema.allOf
    ? { choices: schema.allOf, word: "and" } : { choices: schema.oneOf || schema.anyOf, word: "or" };

  // The type of a schema, in words; a named one leads to its description.
  const kind = (schema) => {
    const name = nameOf(schema);
    if (name) return [element("a", { href: "#type-" + name }, name)];
    const { choices, word } = choicesOf(schema);
    if (choices) return choices.flatMap((choice, index) => (index ? [` ${word} `, ...kind(choice)] : kind(choice)));
    if (schema.type === "array") return ["list of ", ...kind(schema.items)];
    const limits = [["minimum", "at least "], ["maximum", "at most "], ["minLength", "length from "],
      ["maxLength", "length to "], ["pattern", ""], ["default", "default "]]
      .filter(([key]) => schema[key] !== undefined).map(([key, word]) => word + schema[key]);
    const values = schema.enum && schema.enum.join(" | ");
    const type = values || [].concat(schema.type || "any").join(" or ");
    return [[type, schema.format, ...limits].filter((part) => part !== undefined).join(", ")];
  };

  const members = (schema) => {
    const list = element("dl", {});
    for (const [name, member] of Object.entries(schema.properties || {})) {
      const needed = (schema.required || []).includes(name) ? "" : ", may be absent";
      list.append(
        element("dt", {}, element("code", {}, name), " ", element("span", { class: "kind" }, ...kind(member), needed)),
        element("dd", {}, ...prose(member.description)));
    }
    return list;
  };

  // What a type is made of: its members, or those of each of its choices.
  const shape = (schema) => {
    if (schema.properties) return [members(schema)];
    const { choices, word } = choicesOf(schema);
    if (!choices || choices.every((choice) => !choice.properties)) return [element("p", {}, ...kind(schema))];
    return choices.flatMap((choice, index) => [index ? element("p", { class: "kind" }, word) : undefined,
      ...prose(choice.description), ...shape(choice)]);
  };

  const refusals = (examples) => {
    const list = element("dl", {});
    for (const [code, reference] of Object.entries(examples)) {
      const example = resolve(reference);
      const problem = reference.$ref.split("/").pop();
      list.append(element("dt", {}, element("a", { href: "#problem-" + problem }, element("code", {}, code))),
        element("dd", {}, ...prose(example.summary)));
    }
    return list;
  };

  const content = (of) => Object.entries(of || {}).flatMap(([type, value]) => [
    element("p", { class: "kind" }, type, ": ", ...kind(value.schema)),
    value["x-refusals"] && refusals(value["x-refusals"]),
    value.examples ? refusals(value.examples) : json(value.example),
  ]);

  const parameter = (given) => [
    element("dt", {}, element("code", {}, given.name), " ",
      element("span", { class: "kind" }, given.in, given.required ? ", must be given, " : ", ", ...kind(given.schema))),
    element("dd", {}, ...prose(given.description),
      given.example === undefined ? undefined : element("p", {}, "Example: ", element("code", {}, String(given.example)))),
  ];

  const operation = (method, path, described) => element("details", { id: described.operationId },
    element("summary", {}, element("span", { class: "method" }, method.toUpperCase()), element("code", {}, path),
      element("span", { class: "title" }, described.summary)),
    ...prose(described.description),
    element("p", { class: "kind" }, described.security.length ? "Needs a JWT." : "Needs no JWT."),
    element("h4", {}, "Parameters"), element("dl", {}, ...(described.parameters || []).flatMap(parameter)),
    ...(described.requestBody ? [element("h4", {}, "Body"), ...content(described.requestBody.content)] : []),
    ...Object.entries(described.responses).flatMap(([status, answer]) => [
      element("h4", {}, "Answer " + status), ...prose(answer.description.split("\n\nRefused:")[0].replace(/^Refused:.*/, "")),
      ...content(answer.content)]));

  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({ method, path, described })));
  const groups = [...new Set(operations.map(({ described }) => described.tags[0]))];
  document.title = api.info.title;
  document.body.append(
    element("h1", {}, api.info.title), ...prose(api.info.description),
    element("p", {}, "This page as a document: ", element("a", { href: "openapi.json" }, "openapi.json"),
      ". ", element("a", { href: "#types" }, "Types"), " · ", element("a", { href: "#problems" }, "Problem codes")),
    ...groups.flatMap((group) => [element("h2", {}, group),
      ...operations.filter(({ described }) => described.tags[0] === group)
        .map(({ method, path, described }) => operation(method, path, described))]),
    element("h2", { id: "types" }, "Types"),
    ...Object.entries(api.components.schemas).map(([name, schema]) => element("details", { id: "type-" + name },
      element("summary", {}, element("code", {}, name)), ...prose(schema.description),
      ...shape(schema))),
    element("h2", { id: "problems" }, "Problem codes"),
    ...Object.entries(api.components.examples).map(([name, example]) => element("details", { id: "problem-" + name },
      element("summary", {}, element("code", {}, example.value.code), " ", String(example.value.status),
        element("span", { class: "title" }, example.summary)),
      json(example.value),
      element("p", {}, "Answered by: ", ...operations
        .filter(({ described }) => JSON.stringify(described.responses).includes('/examples/' + name + '"'))
        .flatMap(({ described }, index) => [index ? ", " : "",
          element("a", { href: "#" + described.operationId }, described.operationId)])))));
  // A link to something folded opens it.
  const open = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target && "open" in target) { target.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  open();
};

fetch("openapi.json").then((answer) => answer.json()).then(render)
  .catch(() => document.body.append(element("p", {}, "openapi.json could not be read.")));
