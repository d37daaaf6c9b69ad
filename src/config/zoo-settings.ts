/**
 * MODEL.BMZ.EXPORT: how a package for the BioImage Model Zoo describes its model. BiaPy 3.7.1's rules, and those of bioimageio.spec 0.5.
 */

import { resolve } from "node:path";
import * as v from "valibot";
import { at, keysOf } from "../facts/checked-lists.ts";
import type { Problem } from "../facts/run-events.ts";
import type { Config } from "./config.ts";
import type { Key } from "./key-names.ts";
import { mayExist } from "./task-checks.ts";

const text = v.pipe(v.string(), v.nonEmpty("must not be empty"));
const optionalText = v.optional(text);

const authors = v.pipe(
  v.array(
    v.strictObject({
      name: text,
      github_user: text,
      affiliation: optionalText,
      email: optionalText,
      orcid: v.optional(
        v.pipe(text, v.regex(/^\d{4}-\d{4}-\d{4}-\d{3}[\dX]$/, "has the form 0000-0001-2345-6789")),
      ),
    }),
  ),
  v.minLength(1, "needs at least one author"),
);
const DOI = v.pipe(text, v.regex(/^10\.\d{4,9}\/\S+$/, "has the form 10.1038/s41592-025-02699-y"));
const citations = v.array(
  v.pipe(
    v.strictObject({ text, doi: v.optional(DOI), url: optionalText }),
    v.check(({ doi, url }) => doi !== undefined || url !== undefined, "needs `doi` or `url`"),
  ),
);
const dataset = v.pipe(
  v.array(
    v.strictObject({
      name: optionalText,
      doi: optionalText,
      image_modality: optionalText,
      dataset_id: optionalText,
    }),
  ),
  v.length(1, "is a list of one mapping"),
);

/** The values of the keys. */
export interface ZooDescription {
  readonly name: string;
  readonly description: string;
  readonly authors: v.InferOutput<typeof authors>;
  readonly license: string;
  /** A Markdown file; undefined for a generated text. */
  readonly documentation?: string;
  readonly tags: readonly string[];
  readonly cite: v.InferOutput<typeof citations>;
  readonly dataset: v.InferOutput<typeof dataset>[number];
  readonly version: string;
}

const key = <Name extends string>(name: Name) => `MODEL.BMZ.EXPORT.${name}` as const;

const SCHEMAS = {
  MODEL_NAME: v.pipe(
    v.string(),
    v.regex(/^[\w+\-() ]{5,128}$/, "needs 5 to 128 letters, digits, spaces and _ - + ( )"),
  ),
  DESCRIPTION: v.pipe(
    v.string(),
    v.nonEmpty("must not be empty"),
    v.maxLength(1024, "has 1024 letters at most"),
  ),
  AUTHORS: authors,
  LICENSE: v.pipe(v.string(), v.regex(/^[\w.+-]+$/, "is the SPDX name of a license")),
  TAGS: v.pipe(v.array(text), v.minLength(1, "needs at least one word")),
  CITE: citations,
  DATASET_INFO: dataset,
  MODEL_VERSION: v.pipe(v.string(), v.regex(/^\d+(\.\d+){0,2}\S*$/, "has the form 0.1.0")),
} as const;

const EXAMPLES: Readonly<Partial<Record<keyof typeof SCHEMAS, string>>> = {
  AUTHORS: '[{"name": "Ada Example", "github_user": "ada"}]',
  LICENSE: "CC-BY-4.0",
  TAGS: '["nuclei", "fluorescence"]',
  CITE: '[{"text": "training data", "doi": "10.48550/arXiv.1812.06024"}]',
};

/**
 * Returns problems that keep a configuration from describing a model.
 *
 * @param network whether paths on other computers may be accessed
 */
export function checkZooDescription(config: Config, folder: string, network = true): Problem[] {
  const problems = keysOf(SCHEMAS).flatMap((name) => {
    const parsed = v.safeParse(SCHEMAS[name], config.value(key(name)));
    if (parsed.success) return [];
    const [issue] = parsed.issues;
    const path = v.getDotPath(issue);
    const example = EXAMPLES[name];
    const message = `${path === null ? "" : `${path}: `}${issue.message}.${example === undefined ? "" : ` Example: ${example}.`}`;
    return [config.problem(key(name), message)];
  });
  problems.push(...checkClipping(config), ...checkUnsaid(config));
  if (config.flag(key("REUSE_BMZ_CONFIG"))) {
    const message =
      "the embedded engine describes a package by the keys beside this one; BiaPy reuses a model's.";
    problems.push(config.needsBiapy(key("REUSE_BMZ_CONFIG"), message, "False"));
  }
  const documentation = config.text(key("DOCUMENTATION"));
  const said = documentation === "" ? undefined : whyNoDocumentation(documentation, folder, network);
  return said === undefined ? problems : [...problems, config.problem(key("DOCUMENTATION"), said)];
}

/** Returns the steps of DATA.PREPROCESS that the network's images went through. Packages cannot express them. */
export function unsaidSteps(config: Config): string[] {
  if (!config.flag("DATA.PREPROCESS.TRAIN") && !config.flag("DATA.PREPROCESS.TEST")) return [];
  return config.document.entries.flatMap(({ key, value }) => {
    const [, step] = /^(DATA\.PREPROCESS\.\w+)\.ENABLE$/.exec(key) ?? [];
    return step === undefined || value !== true ? [] : [step];
  });
}

function checkUnsaid(config: Config): Problem[] {
  const steps = unsaidSteps(config);
  if (steps.length === 0) return [];
  const message = `a package cannot say ${steps.join(", ")}: whoever uses it must prepare images in the same way, as its README.md says.`;
  return [config.warning(key("ENABLE"), message)];
}

/** Checks clipping. Packages cannot express measuring an image after clipping, nor different clipping per channel. */
function checkClipping(config: Config): Problem[] {
  const clip = <Name extends string>(name: Name) => `DATA.NORMALIZATION.PERC_CLIP.${name}` as const;
  if (!config.flag(clip("ENABLE"))) return [];
  const limits = [...config.numbers(clip("LOWER_VALUE")), ...config.numbers(clip("UPPER_VALUE"))];
  const byValue = limits.every((value) => value !== -1);
  const type = config.text("DATA.NORMALIZATION.TYPE");
  const measured =
    type === "scale_range" ||
    (type === "zero_mean_unit_variance" &&
      config.numbers("DATA.NORMALIZATION.ZERO_MEAN_UNIT_VAR.STD_VAL").some((value) => value <= 0));
  const said = byValue ? !measured && limits.length === 2 : type === "scale_range";
  if (said) return [];
  const message = `a package for the BioImage Model Zoo cannot say this clipping together with ${type}: it clips by percentiles with scale_range, or by one lower and one upper value with div and fixed means.`;
  return [config.problem(clip("ENABLE"), message)];
}

/** Returns why a documentation file cannot be used; undefined if it can. */
function whyNoDocumentation(written: string, folder: string, network: boolean): string | undefined {
  if (!written.endsWith(".md")) return "names a Markdown file, which ends in .md.";
  return mayExist(written, folder, network) ? undefined : `${resolve(folder, written)} does not exist.`;
}

/** Reads the keys, which must have passed {@link checkZooDescription}. */
export function zooDescription(config: Config): ZooDescription {
  const read = <Name extends keyof typeof SCHEMAS>(name: Name) =>
    v.parse(SCHEMAS[name], config.value(key(name) satisfies Key));
  const documentation = config.text(key("DOCUMENTATION"));
  return {
    name: read("MODEL_NAME"),
    description: read("DESCRIPTION"),
    authors: read("AUTHORS"),
    license: read("LICENSE"),
    documentation: documentation === "" ? undefined : resolve(documentation),
    tags: read("TAGS"),
    cite: read("CITE"),
    dataset: at(read("DATASET_INFO"), 0),
    version: read("MODEL_VERSION"),
  };
}

/** The DOI that a name is, such as `10.5281/zenodo.5764892` (also with the version of the package behind it, or as a link); undefined for others. */
export const doiOf = (name: string): string | undefined =>
  /^(?:doi:|https?:\/\/(?:dx\.)?doi\.org\/)?(10\.\d{4,9}\/[\w.\-/]+)$/i.exec(name)?.[1];

/** Whether a name is an id of the Zoo, such as `affable-shark` or `affable-shark/1.1`, or a DOI. */
export const isZooId = (name: string): boolean =>
  /^[a-z]+(-[a-z]+)+(\/[\w.]+)?$/.test(name) || doiOf(name) !== undefined;

/**
 * Checks the package that a run starts from (MODEL.SOURCE bmz): it is on disk, or has an id by which it is downloaded.
 *
 * @param network whether paths on other computers may be accessed
 */
export function checkZooSource(config: Config, folder: string, network = true): Problem[] {
  if (config.text("MODEL.SOURCE") !== "bmz") return [];
  const source = "MODEL.BMZ.SOURCE_MODEL_ID";
  const named = config.text(source);
  if (named !== "" && (isZooId(named) || mayExist(named, folder, network))) return [];
  const what = named === "" ? "name the package to start from" : `there is no ${named}`;
  const message = `${what}: an id of the BioImage Model Zoo (such as affable-shark), a DOI, a ZIP file from there, or its folder.`;
  return [config.needsBiapy(source, message)];
}
