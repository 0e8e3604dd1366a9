// The build: one script and one stylesheet, nothing inline, nothing from other hosts (content security policy).
import { readFileSync } from "node:fs";

import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const statusd = process.env["WARREN_STATUSD"] ?? "http://127.0.0.1:8480";
const shipped = ["preact", "@preact/signals", "@preact/signals-core", "uplot"];

/** Adds the licences of the libraries in the page. */
function licences(): Plugin {
  return {
    name: "licences",
    generateBundle() {
      const texts = shipped.map(
        (name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}\n`,
      );
      this.emitFile({ type: "asset", fileName: "licences.txt", source: texts.join("\n----\n\n") });
    },
  };
}

export default defineConfig({
  plugins: [licences()],
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  server: { host: "127.0.0.1", proxy: { "/api": { target: statusd, secure: false } } },
  test: { include: ["tests/**/*.test.ts"] },
});
