// Reads Mermaid texts, a JSON string a line, and answers each with a line: what Mermaid makes of it,
// {"nodes": [[id, label]], "edges": [[from, to, label]]} with labels as a reader sees them, or {"error": why}.
import { createInterface } from "node:readline";
import { JSDOM } from "jsdom";

const { window } = new JSDOM("<!doctype html><body></body>", { pretendToBeVisual: true });
for (const name of ["document", "DOMParser", "Element", "SVGElement", "CSSStyleSheet"]) {
  globalThis[name] = window[name];
}
globalThis.window = window;
// jsdom lays nothing out, and Mermaid asks how large its labels are.
window.SVGElement.prototype.getBBox = () => ({ x: 0, y: 0, width: 100, height: 20 });
window.SVGElement.prototype.getComputedTextLength = () => 100;

const { default: mermaid } = await import("mermaid");
mermaid.initialize({ startOnLoad: false, maxTextSize: Infinity, maxEdges: Infinity });

function label(element) {
  element?.querySelectorAll("br").forEach((br) => br.replaceWith("\n"));
  return element?.textContent ?? "";
}

async function drawn(text, name) {
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
  const { svg } = await mermaid.render(name, text);
  const page = new window.DOMParser().parseFromString(svg, "text/html");
  const labels = new Map(
    [...page.querySelectorAll("g.edgeLabel > g.label")].map((g) => [g.dataset.id, label(g)]),
  );
  const nodes = [...db.getVertices().values()].map((node) => [
    node.id,
    label(page.querySelector(`g.node[id^="${name}-${node.domId}"]`)),
  ]);
  return { nodes, edges: db.getEdges().map((edge) => [edge.start, edge.end, labels.get(edge.id) ?? ""]) };
}

let count = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const answer = await drawn(JSON.parse(line), `drawing${count++}`).catch((error) => ({ error: String(error) }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
