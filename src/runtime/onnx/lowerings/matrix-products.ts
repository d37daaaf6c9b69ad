/** Matrix products. */
import { at, exactly } from "../../../facts/checked-lists.ts";
import { batchOf, channelsOf, spaceOf } from "../../image-shape.ts";
import { isBoolean, type Signature } from "../../kernel.ts";
import { ALONG_AXIS, type Resizing } from "../../operators.ts";
import type { GraphBuilder, Matrices } from "../graph.ts";
import { identity, plainTensor, stored, type Traced } from "../layout.ts";
import type { Attribute } from "../model-proto.ts";
import { broadcastShape } from "./elementwise.ts";
import { channelsLast, image } from "./image-layout.ts";
import { type Binary, type Lowering, lowering } from "./lowering.ts";
import { alongAxisRefusal, matrixProductRefusal } from "./operand-shapes.ts";
import { reshape, transpose } from "./shapes.ts";

interface Transposed {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}
const PRODUCT: Signature<"a" | "b", Transposed> = {
  operands: ["a", "b"],
  attributes: { transposeA: isBoolean, transposeB: isBoolean },
};

/** Returns matrices as they are stored: a transposed layout becomes the product's own transposition. */
function matrices(graph: GraphBuilder, x: Traced, transposed: boolean): Matrices {
  const rank = x.shape.length;
  const straight = identity(rank);
  const swapped = [...straight.slice(0, -2), rank - 1, rank - 2];
  const isStoredSwapped = x.axes.every((axis, index) => axis === swapped[index]);
  return {
    value: stored(graph, x, isStoredSwapped ? swapped : straight),
    rank,
    swapped: isStoredSwapped !== transposed,
  };
}

function matrixProduct(
  graph: GraphBuilder,
  { a, b }: Binary,
  { transposeA, transposeB }: Transposed,
): Traced {
  const rank = Math.max(a.shape.length, b.shape.length);
  const rows = a.shape.at(transposeA ? -1 : -2) ?? 1;
  const columns = b.shape.at(transposeB ? -2 : -1) ?? 1;
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const [first, second] = [matrices(graph, a, transposeA), matrices(graph, b, transposeB)];
  const value =
    rank === 2
      ? graph.add("Gemm", [first.value, second.value], {
          attributes: { transA: first.swapped ? 1 : 0, transB: second.swapped ? 1 : 0 },
        })
      : graph.matrixProduct(first, second);
  return plainTensor(value, a.type, [...batch, rows, columns]);
}

/** ONNX's attributes of Resize, by the method of resizing. */
const RESIZE: Readonly<Record<Resizing, Readonly<Record<string, Attribute>>>> = {
  area: { mode: "linear", coordinate_transformation_mode: "half_pixel" },
  corners: { mode: "linear", coordinate_transformation_mode: "align_corners" },
  nearest: { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
};

/** Resizes an image along one axis by ONNX's own operator. */
function resize(graph: GraphBuilder, x: Traced, axis: number, newSize: number, resizing: Resizing): Traced {
  const [batch, channels, space] = [batchOf(x), channelsOf(x), spaceOf(x).with(axis - 1, newSize)];
  const size = graph.integers([batch, channels, ...space]);
  const value = graph.add("Resize", [image(graph, x), "", "", size], { attributes: RESIZE[resizing] });
  return channelsLast(value, batch, space, channels, x.type);
}

/** Multiplies each line along an axis with a matrix. */
function alongAxis(
  graph: GraphBuilder,
  { x, matrix }: { readonly x: Traced; readonly matrix: Traced },
  { axis, resizing }: { readonly axis: number; readonly resizing?: Resizing | undefined },
): Traced {
  const [, newSize] = exactly(matrix.shape, 2);
  if (graph.target === "portable" && resizing !== undefined) return resize(graph, x, axis, newSize, resizing);
  const last = x.shape.length - 1;
  const perm = identity(last + 1)
    .with(axis, last)
    .with(last, axis);
  const axisLast = transpose(x, perm);
  const lines = reshape(graph, axisLast, [-1, at(x.shape, axis)]);
  const product = matrixProduct(graph, { a: lines, b: matrix }, { transposeA: false, transposeB: false });
  const shape = [...axisLast.shape.slice(0, -1), newSize];
  return transpose(reshape(graph, product, shape), perm);
}

export const matrixLowerings: Readonly<Record<string, Lowering>> = {
  BatchMatMul: lowering(PRODUCT, matrixProduct, matrixProductRefusal),
  [ALONG_AXIS.name]: lowering(ALONG_AXIS, alongAxis, alongAxisRefusal),
};
