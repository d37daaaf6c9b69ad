/** The tree of a YAML file as PyYAML's safe_load builds it, with the place of every scalar. */
import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE, YAMLException } from "js-yaml";
import { at } from "../facts/checked-lists.ts";
import { onOneLineEach } from "./one-line-values.ts";
import { type PythonValue, taggedScalar, yamlScalar } from "./python-value.ts";
import { type UntabbedText, untabbed } from "./tabs.ts";

/** A value of a YAML file. `start` is the offset of a scalar in the text; `plain` says that it is neither quoted nor tagged as text. */
export type YamlNode =
  | {
      readonly kind: "scalar";
      readonly value: PythonValue;
      readonly text: string;
      readonly plain: boolean;
      readonly start: number;
    }
  | { readonly kind: "list"; readonly items: readonly YamlNode[] }
  | {
      readonly kind: "group";
      readonly items: readonly YamlPair[];
      /** All pairs in the order in which PyYAML merges them: of repeated keys, the last one counts. */
      readonly flat: readonly YamlPair[];
    };

/** A key of a group with its value. */
export interface YamlPair {
  readonly key: YamlNode;
  readonly value: YamlNode;
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
export function yamlTree(given: string, file: string): YamlNode | undefined {
  const { source, events } = parsed(untabbed(given), file);
  const documents = events.filter(({ type }) => type === EVENT_ID.DOCUMENT);
  if (documents.length > 1) throw secondDocument(given);
  if (documents.length === 0) return undefined;
  return new TreeBuilder(source, events.slice(1)).root();
}

/** Parses a text; one that is not valid YAML once more with its values in brackets and quotes on one line each. */
function parsed(source: UntabbedText, file: string): { source: UntabbedText; events: Event[] } {
  try {
    return { source, events: eventsOf(source, file) };
  } catch (error) {
    const joined = { ...source, text: onOneLineEach(source.text) };
    if (!(error instanceof YamlError) || joined.text === source.text) throw error;
    try {
      return { source: joined, events: eventsOf(joined, file) };
    } catch {
      throw error;
    }
  }
}

function eventsOf({ text, original }: UntabbedText, file: string): Event[] {
  try {
    return parseEvents(text, { filename: file });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new YamlError(`This is not valid YAML: ${error.reason}.`, original(error.mark?.position ?? 0));
  }
}

function secondDocument(text: string): YamlError {
  const markers = [...text.matchAll(/^---(?=\s|$)/gm)].map(({ index }) => index);
  const offset = markers.at(-1) ?? 0;
  return new YamlError("A file holds one configuration: a second document begins here.", offset);
}

/** A node's tag and anchor in the text; -1 without. */
interface Properties {
  readonly tagStart: number;
  readonly tagEnd: number;
  readonly anchorStart: number;
  readonly anchorEnd: number;
}

class TreeBuilder {
  private at = 0;
  private count = 0;
  private readonly anchors = new Map<string, YamlNode>();

  constructor(
    private readonly source: UntabbedText,
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
        this.refuseOtherTag(event, "seq");
        return this.anchored(event, { kind: "list", items: this.many() });
      case EVENT_ID.MAPPING: {
        this.refuseOtherTag(event, "map");
        const flat = this.many();
        const pairs = Array.from({ length: flat.length / 2 }, (_, index) => ({
          key: at(flat, 2 * index),
          value: at(flat, 2 * index + 1),
        }));
        if (pairs.some(({ key }) => key.kind !== "scalar"))
          throw this.error("BiaPy reads no lists or sections as keys.", event.start);
        return this.anchored(event, { kind: "group", ...withMerged(pairs) });
      }
      case EVENT_ID.ALIAS: {
        const name = this.source.text.slice(event.anchorStart, event.anchorEnd);
        const found = this.anchors.get(name);
        if (found === undefined)
          throw this.error(`There is no anchor &${name} before this alias.`, event.anchorStart - 1);
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
    const text = getScalarValue(this.source.text, event);
    const tag = this.tagOf(event);
    const start = this.source.original(event.valueStart);
    // The tag `!` stands for the plain notation.
    const plain = tag === undefined ? event.style === SCALAR_STYLE.PLAIN : tag === "!";
    if (plain && text === "=") throw this.error("BiaPy reads no plain =: quote it.", event.valueStart);
    if (plain || tag === undefined || tag === "str")
      return { kind: "scalar", value: yamlScalar(text, plain), text, plain, start };
    const tagged = taggedScalar(text, tag);
    if (tagged === undefined) throw this.error(`BiaPy reads no ${text} with this tag.`, event.tagStart);
    return { kind: "scalar", ...tagged, plain, start };
  }

  /** Returns a tag of YAML itself without `!!`; undefined without a tag. Throws {@link YamlError} for other tags, such as Python's. */
  private tagOf({ tagStart, tagEnd }: Properties): string | undefined {
    if (tagStart < 0) return undefined;
    const written = this.source.text.slice(tagStart, tagEnd);
    if (written === "!") return written;
    const name = /^(?:!!|!<tag:yaml\.org,2002:)(str|int|float|bool|null|seq|map)>?$/.exec(written)?.[1];
    if (name !== undefined) return name;
    throw this.error(`BiaPy reads no values with the tag ${written}: write them without.`, tagStart);
  }

  private refuseOtherTag(event: Properties, own: "seq" | "map"): void {
    const tag = this.tagOf(event);
    if (tag === undefined || tag === "!" || tag === own) return;
    throw this.error(`This is no value for the tag !!${tag}: write it without.`, event.tagStart);
  }

  private anchored({ anchorStart, anchorEnd }: Properties, node: YamlNode): YamlNode {
    if (anchorStart < 0) return node;
    const name = this.source.text.slice(anchorStart, anchorEnd);
    if (this.anchors.has(name))
      throw this.error(`The anchor &${name} is set twice, which BiaPy refuses: rename one.`, anchorStart - 1);
    if (!/^[\w-]+$/.test(name))
      throw this.error(
        `&${name} is no name for BiaPy: it has letters, digits, - and _ only.`,
        anchorStart - 1,
      );
    this.anchors.set(name, node);
    return node;
  }

  private error(message: string, offset: number): YamlError {
    return new YamlError(message, this.source.original(offset));
  }
}

function sizeOf(node: YamlNode): number {
  if (node.kind === "scalar") return 1;
  if (node.kind === "list") return node.items.reduce((sum, item) => sum + sizeOf(item), 1);
  return node.items.reduce((sum, { value }) => sum + 1 + sizeOf(value), 1);
}

const isMerge = ({ key }: YamlPair) => key.kind === "scalar" && key.plain && key.text === "<<";

/**
 * Adds the pairs of the groups that merge keys (`<<: *base`) name, where a group lacks them. As in PyYAML 6.0.4, the last of several groups
 * counts; a pair that arrives by several ways counts where it came first.
 */
function withMerged(pairs: readonly YamlPair[]): { items: readonly YamlPair[]; flat: readonly YamlPair[] } {
  const merges = pairs.filter(isMerge);
  if (merges.length === 0) return { items: pairs, flat: pairs };
  const own = pairs.filter((pair) => !isMerge(pair));
  const merged = new Map<YamlNode, YamlPair>();
  for (const group of merges.flatMap(({ value }) => (value.kind === "list" ? value.items : [value]))) {
    if (group.kind !== "group")
      throw new YamlError("A merge key (<<) takes sections of keys alone.", startOf(at(merges, 0).key));
    for (const pair of group.flat) if (!merged.has(pair.key)) merged.set(pair.key, pair);
  }
  const textOf = ({ key }: YamlPair) => (key.kind === "scalar" ? key.text : "");
  const known = new Set(own.map(textOf));
  const brought = new Map([...merged.values()].map((pair) => [textOf(pair), pair] as const));
  const added = [...brought].filter(([text]) => text !== "" && !known.has(text)).map(([, pair]) => pair);
  return { items: [...own, ...added], flat: [...merged.values(), ...own] };
}

const startOf = (node: YamlNode) => (node.kind === "scalar" ? node.start : 0);
