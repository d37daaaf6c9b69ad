/** Gathering rows by index, and its gradient. */
import { product } from "../../../facts/checked-lists.ts";
import { isNumber, optional, type Signature } from "../../kernel.ts";
import type { GraphBuilder } from "../graph.ts";
import { fromStart, plain, plainTensor, splatTensor, type Traced } from "../layout.ts";
import { type Lowering, lowering } from "./lowering.ts";

interface Gather {
  readonly axis?: number | undefined;
  readonly batchDims?: number | undefined;
}
const GATHER: Signature<"x" | "indices", Gather> = {
  operands: ["x", "indices"],
  attributes: { axis: optional(isNumber), batchDims: optional(isNumber) },
};

function gather(
  graph: GraphBuilder,
  { x, indices }: { readonly x: Traced; readonly indices: Traced },
  { axis: given = 0, batchDims = 0 }: Gather,
): Traced {
  if (batchDims !== 0)
    throw new Error("GatherV2 with batchDims has no lowering: flatten the batch into the indices.");
  const axis = fromStart(given, x.shape.length);
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const value = graph.add("Gather", [plain(graph, x), plain(graph, indices)], { attributes: { axis } });
  return plainTensor(value, x.type, shape);
}

interface Segments {
  readonly numSegments: number;
}
const SEGMENT_SUM: Signature<"x" | "segmentIds", Segments> = {
  operands: ["x", "segmentIds"],
  attributes: { numSegments: isNumber },
};

/** Adds each row of `x` to the row of the result that `segmentIds` names: the gradient of a gather. */
function segmentSum(
  graph: GraphBuilder,
  { x, segmentIds }: { readonly x: Traced; readonly segmentIds: Traced },
  { numSegments }: Segments,
): Traced {
  const shape = [numSegments, ...x.shape.slice(segmentIds.shape.length)];
  const count = product(segmentIds.shape);
  const rows = graph.reshape(plain(graph, segmentIds), [count, 1]);
  const indices = graph.cast(rows, segmentIds.type, "int64");
  const updates = graph.reshape(plain(graph, x), [count, ...shape.slice(1)]);
  const zeros = plain(graph, splatTensor(graph, 0, x.type, shape));
  const value = graph.add("ScatterND", [zeros, indices, updates], { attributes: { reduction: "add" } });
  return plainTensor(value, x.type, shape);
}

export const indexingLowerings: Readonly<Record<string, Lowering>> = {
  GatherV2: lowering(GATHER, gather),
  UnsortedSegmentSum: lowering(SEGMENT_SUM, segmentSum),
};
