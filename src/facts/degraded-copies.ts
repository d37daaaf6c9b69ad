/** Names of the folders of degraded copies, from which a model learns to restore images. BiaPy uses the same names. */

const SUFFIX = "_ssl_source";

/** Returns the default folder of the copies of a folder's images, beside it. */
export const copiesBeside = (images: string): string => `${images.replace(/[\\/]+$/, "")}${SUFFIX}`;

/** Whether a folder holds degraded copies of images, by its name. */
export const holdsCopies = (folder: string): boolean => folder.endsWith(SUFFIX);
