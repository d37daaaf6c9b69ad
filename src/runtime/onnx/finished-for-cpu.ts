/** The passes over a graph that only the CPU needs. */
import { channelBlock, withBlockedConvolutions } from "./blocked-convolutions.ts";
import type { Subgraph } from "./model-proto.ts";
import { withRecomputedValues } from "./recomputed-values.ts";

export const finishedForCpu = <Graph extends Subgraph>(graph: Graph): Graph =>
  withBlockedConvolutions(withRecomputedValues(graph), channelBlock());
