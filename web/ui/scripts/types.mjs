// Writes src/api/types.ts from web/api/openapi.json, the contract between statusd and this page.
// Usage: node scripts/types.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { format, resolveConfig } from "prettier";

const contract = fileURLToPath(new URL("../../api/openapi.json", import.meta.url));
const target = fileURLToPath(new URL("../src/api/types.ts", import.meta.url));

const longestLine = 120;
const scalars = { string: "string", integer: "number", number: "number", boolean: "boolean", null: "null" };

function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(typeOf).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  return [schema.type]
    .flat()
    .map((type) => one(type, schema))
    .join(" | ");
}

function one(type, schema) {
  if (type !== "array") return scalars[type];
  const item = typeOf(schema.items);
  return item.includes("|") ? `(${item})[]` : `${item}[]`;
}

/** What the contract says of a schema, and of each value it may have: one line each. */
function textOf(schema) {
  const values = (schema.oneOf ?? []).map((choice) => `${choice.const}: ${choice.description}`);
  return [schema.description ?? "", ...values].filter(Boolean);
}

function wrapped(text, width) {
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function comment(schema, indent) {
  const texts = textOf(schema);
  if (texts.length === 0) return "";
  const single = `${indent}/** ${texts[0]} */`;
  if (texts.length === 1 && single.length <= longestLine) return `${single}\n`;
  const lines = texts.flatMap((text) => wrapped(text, longestLine - indent.length - " * ".length));
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`), `${indent} */`, ""].join("\n");
}

function declarationOf(name, schema) {
  if (!schema.properties) return `${comment(schema, "")}export type ${name} = ${typeOf(schema)};\n`;
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties).map(
    ([field, its]) => `${comment(its, "  ")}  ${field}${required.has(field) ? "" : "?"}: ${typeOf(its)};\n`,
  );
  return `${comment(schema, "")}export interface ${name} {\n${fields.join("")}}\n`;
}

/** The text that src/api/types.ts must have. */
export async function typesText() {
  const schemas = JSON.parse(readFileSync(contract, "utf8")).components.schemas;
  const parts = Object.entries(schemas).map(([name, schema]) => declarationOf(name, schema));
  const text = `// Made by scripts/types.mjs from web/api/openapi.json; do not edit.\n\n${parts.join("\n")}`;
  return format(text, { ...(await resolveConfig(target)), parser: "typescript" });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, await typesText());
