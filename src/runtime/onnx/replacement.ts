/** What takes the place of nodes of a traced graph: other nodes, and the constants that they read. */
import {
  type Attribute,
  type ConstantDefinition,
  type Domain,
  integerConstant,
  type NodeDefinition,
} from "./model-proto.ts";

/** The constants of a graph, to which equal ones are added once. */
export class Constants {
  private readonly known: Map<string, ConstantDefinition>;

  constructor(constants: readonly ConstantDefinition[]) {
    this.known = new Map(constants.map((constant) => [constant.name, constant]));
  }

  get all(): ConstantDefinition[] {
    return [...this.known.values()];
  }

  /** Returns the values of a list of integers, or undefined for other constants and values. */
  listOf(name: string): readonly number[] | undefined {
    const { type, bytes } = this.known.get(name) ?? {};
    if (type !== "int64" || bytes === undefined) return undefined;
    return Array.from(new BigInt64Array(bytes.slice().buffer), Number);
  }

  integers(values: readonly number[]): string {
    return this.add(integerConstant(`shape:${values}`, values));
  }

  scalar(value: number): string {
    return this.floats(`number:${value}`, { shape: [], values: Float32Array.of(value) });
  }

  /** @param name the same for equal values */
  floats(
    name: string,
    { shape, values }: { readonly shape: readonly number[]; readonly values: Float32Array },
  ): string {
    return this.add({ name, type: "float32", shape, bytes: new Uint8Array(values.buffer) });
  }

  private add(constant: ConstantDefinition): string {
    this.known.set(constant.name, constant);
    return constant.name;
  }
}

/** Collects the nodes that take the place of one. */
export class Replacement {
  readonly nodes: NodeDefinition[] = [];

  constructor(
    private readonly replaced: NodeDefinition,
    readonly constants: Constants,
  ) {}

  /** Adds a node and returns its result. */
  add(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain: Domain = "",
  ): string {
    const { origin, outputs } = this.replaced;
    const output = `${outputs[0]}:${this.nodes.length}`;
    this.nodes.push({ operator, domain, inputs, outputs: [output], attributes, origin });
    return output;
  }

  /** Adds nodes that are made elsewhere and returns their result. */
  include({ nodes, value }: { readonly nodes: readonly NodeDefinition[]; readonly value: string }): string {
    this.nodes.push(...nodes);
    return value;
  }

  reshape(value: string, shape: readonly number[]): string {
    return this.add("Reshape", [value, this.constants.integers(shape)]);
  }

  /** Transposes a value of this shape. */
  transpose(value: string, shape: readonly number[], perm: readonly number[]): string {
    return this.add("Transpose", [this.reshape(value, shape)], { perm });
  }

  /** Returns the nodes, the last of which writes the outputs. */
  finished(...outputs: readonly string[]): NodeDefinition[] {
    return this.nodes.map((node, index) => (index === this.nodes.length - 1 ? { ...node, outputs } : node));
  }
}
