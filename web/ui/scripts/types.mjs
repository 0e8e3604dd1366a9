// Writes src/api/types.ts from ../openapi.json, the contract between statusd and this page. Usage: node scripts/types.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const contract = fileURLToPath(new URL("../../api/openapi.json", import.meta.url));
const target = fileURLToPath(new URL("../src/api/types.ts", import.meta.url));

const scalars = { string: "string", integer: "number", number: "number", boolean: "boolean", null: "null" };

function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
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

function comment(text, indent) {
  const line = (text ?? "").trim();
  return line === "" ? "" : `${indent}/** ${line} */\n`;
}

function interfaceOf(name, schema) {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties).map(
    ([field, its]) => `${comment(its.description, "  ")}  ${field}${required.has(field) ? "" : "?"}: ${typeOf(its)};\n`,
  );
  return `${comment(schema.description, "")}export interface ${name} {\n${fields.join("")}}\n`;
}

/** The text that src/api/types.ts must have. */
export function typesText() {
  const schemas = JSON.parse(readFileSync(contract, "utf8")).components.schemas;
  const parts = Object.entries(schemas).map(([name, schema]) => interfaceOf(name, schema));
  return `// Made by scripts/types.mjs from web/api/openapi.json; do not edit.\n\n${parts.join("\n")}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, typesText());
