/** The tree of a YAML file as PyYAML's safe_load builds it, with the place of every scalar. */
import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE, YAMLException } from "js-yaml";
import { at } from "../facts/checked-lists.ts";
import { type PythonValue, yamlScalar } from "./python-value.ts";

export type YamlNode =
  | {
      readonly kind: "scalar";
      readonly value: PythonValue;
      readonly text: string;
      readonly plain: boolean;
      readonly start: number;
    }
  | { readonly kind: "list"; readonly items: readonly YamlNode[] }
  | { readonly kind: "group"; readonly items: readonly YamlPair[] };

export interface YamlPair {
  readonly key: YamlNode;
  readonly value: YamlNode;
  /** Whether a merge key (`<<`) brought it from another group. */
  readonly merged?: boolean;
}

/** A problem of a YAML text, at an offset. */
export class YamlError extends Error {
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
  }
}

/** Maximum number of nodes repeated by aliases: a file that expands too far is refused. */
const MOST_NODES = 100_000;

/** Builds the tree of a text's only document; undefined if it is empty. Throws {@link YamlError}. */
export function yamlTree(text: string, file: string): YamlNode | undefined {
  const events = eventsOf(text, file);
  refuseTabs(text, events);
  const documents = events.filter(({ type }) => type === EVENT_ID.DOCUMENT);
  if (documents.length > 1) throw secondDocument(text);
  if (documents.length === 0) return undefined;
  return new TreeBuilder(text, events.slice(1)).root();
}

function eventsOf(text: string, file: string): Event[] {
  try {
    return parseEvents(text, { filename: file });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new YamlError(`This is not valid YAML: ${error.reason}.`, error.mark?.position ?? 0);
  }
}

/** PyYAML accepts tabs only in quoted text and comments. */
function refuseTabs(text: string, events: readonly Event[]): void {
  if (!text.includes("\t")) return;
  const masked = text.split("");
  for (const event of events) {
    if (event.type !== EVENT_ID.SCALAR || event.style === SCALAR_STYLE.PLAIN) continue;
    masked.fill(" ", event.valueStart, event.valueEnd);
  }
  const code = masked.join("").replaceAll(/(?<=^|\s)#[^\n]*/gm, (comment) => " ".repeat(comment.length));
  const tab = code.indexOf("\t");
  if (tab >= 0) throw new YamlError("BiaPy reads no tabs here: write spaces.", tab);
}

function secondDocument(text: string): YamlError {
  const markers = [...text.matchAll(/^---(?=\s|$)/gm)].map(({ index }) => index);
  const offset = markers.at(-1) ?? 0;
  return new YamlError("A file holds one configuration: a second document begins here.", offset);
}

class TreeBuilder {
  private at = 0;
  private count = 0;
  private readonly anchors = new Map<string, YamlNode>();

  constructor(
    private readonly text: string,
    private readonly events: readonly Event[],
  ) {}

  root(): YamlNode | undefined {
    return this.events[0] === undefined || this.events[0].type === EVENT_ID.POP ? undefined : this.node();
  }

  private node(): YamlNode {
    const event = at(this.events, this.at++);
    if (++this.count > MOST_NODES) throw new YamlError("The file repeats itself too often.", 0);
    switch (event.type) {
      case EVENT_ID.SCALAR:
        return this.anchored(event, this.scalar(event));
      case EVENT_ID.SEQUENCE:
        return this.anchored(event, { kind: "list", items: this.many() });
      case EVENT_ID.MAPPING: {
        const flat = this.many();
        const pairs = Array.from({ length: flat.length / 2 }, (_, index) => ({
          key: at(flat, 2 * index),
          value: at(flat, 2 * index + 1),
        }));
        return this.anchored(event, { kind: "group", items: withMerged(pairs) });
      }
      case EVENT_ID.ALIAS: {
        const name = this.text.slice(event.anchorStart, event.anchorEnd);
        const found = this.anchors.get(name);
        if (found === undefined)
          throw new YamlError(`There is no anchor &${name} before this alias.`, event.anchorStart - 1);
        this.count += sizeOf(found);
        return found;
      }
      default:
        throw new YamlError("This is not valid YAML.", 0);
    }
  }

  private many(): YamlNode[] {
    const nodes: YamlNode[] = [];
    while (this.at < this.events.length && this.events[this.at]?.type !== EVENT_ID.POP)
      nodes.push(this.node());
    this.at++;
    return nodes;
  }

  private scalar(event: Extract<Event, { type: typeof EVENT_ID.SCALAR }>): YamlNode {
    const text = getScalarValue(this.text, event);
    const tag = event.tagStart < 0 ? undefined : this.text.slice(event.tagStart, event.tagEnd);
    const plain = event.style === SCALAR_STYLE.PLAIN && tag !== "!!str" && tag !== "!";
    return { kind: "scalar", value: yamlScalar(text, plain), text, plain, start: event.valueStart };
  }

  private anchored(
    { anchorStart, anchorEnd }: { readonly anchorStart: number; readonly anchorEnd: number },
    node: YamlNode,
  ): YamlNode {
    if (anchorStart >= 0) this.anchors.set(this.text.slice(anchorStart, anchorEnd), node);
    return node;
  }
}

function sizeOf(node: YamlNode): number {
  if (node.kind === "scalar") return 1;
  if (node.kind === "list") return node.items.reduce((sum, item) => sum + sizeOf(item), 1);
  return node.items.reduce((sum, { value }) => sum + 1 + sizeOf(value), 1);
}

const isMerge = ({ key }: YamlPair) => key.kind === "scalar" && key.plain && key.text === "<<";

/** Merge keys (`<<: *base`) add missing pairs from other groups to a group. */
function withMerged(pairs: readonly YamlPair[]): readonly YamlPair[] {
  const merges = pairs.filter(isMerge);
  if (merges.length === 0) return pairs;
  const own = pairs.filter((pair) => !isMerge(pair));
  const known = new Set(own.map(({ key }) => (key.kind === "scalar" ? key.text : "")));
  const groups = merges.flatMap(({ value }) => (value.kind === "list" ? value.items : [value]));
  const brought: YamlPair[] = [];
  for (const group of groups) {
    if (group.kind !== "group")
      throw new YamlError("A merge key (<<) takes sections of keys alone.", startOf(at(merges, 0).key));
    for (const pair of group.items) {
      if (pair.key.kind !== "scalar" || known.has(pair.key.text)) continue;
      known.add(pair.key.text);
      brought.push({ ...pair, merged: true });
    }
  }
  return [...own, ...brought];
}

const startOf = (node: YamlNode) => (node.kind === "scalar" ? node.start : 0);
