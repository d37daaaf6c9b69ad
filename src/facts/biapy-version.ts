/** The version of BiaPy that this project follows and is tested with. */
export const BIAPY_VERSION = "3.7.1";
