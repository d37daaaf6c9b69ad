/** Citations of the networks that a package may contain. */
import type { EmbeddedArchitecture } from "../../facts/architectures.ts";

/** A paper to cite. */
export interface Citation {
  readonly text: string;
  readonly doi: string;
}

/** BiaPy's paper. */
export const BIAPY: Citation = {
  text: "Franco-Barranco, D., et al. BiaPy: accessible deep learning on bioimages. Nature Methods (2025).",
  doi: "10.1038/s41592-025-02699-y",
};

export const NOISE2VOID: Citation = {
  text: "Krull, A., Buchholz, T.-O., Jug, F. Noise2Void: learning denoising from single noisy images. CVPR (2019).",
  doi: "10.48550/arXiv.1811.10980",
};

const U_NET: Citation = {
  text: "Ronneberger, O., Fischer, P., Brox, T. U-Net: convolutional networks for biomedical image segmentation. MICCAI (2015).",
  doi: "10.48550/arXiv.1505.04597",
};
const SQUEEZE: Citation = {
  text: "Hu, J., Shen, L., Sun, G. Squeeze-and-excitation networks. CVPR (2018).",
  doi: "10.48550/arXiv.1709.01507",
};
const RESIDUAL: Citation = {
  text: "Zhang, Z., Liu, Q., Wang, Y. Road extraction by deep residual U-Net. IEEE Geoscience and Remote Sensing Letters (2018).",
  doi: "10.1109/LGRS.2018.2802944",
};

/** The papers of each architecture. */
export const ARCHITECTURE_PAPERS: Readonly<Record<EmbeddedArchitecture, readonly Citation[]>> = {
  mae: [
    {
      text: "He, K., et al. Masked autoencoders are scalable vision learners. CVPR (2022).",
      doi: "10.48550/arXiv.2111.06377",
    },
  ],
  unet: [U_NET],
  resunet: [RESIDUAL],
  "resunet++": [
    {
      text: "Jha, D., et al. ResUNet++: an advanced architecture for medical image segmentation. ISM (2019).",
      doi: "10.48550/arXiv.1911.07067",
    },
  ],
  attention_unet: [
    {
      text: "Oktay, O., et al. Attention U-Net: learning where to look for the pancreas. MIDL (2018).",
      doi: "10.48550/arXiv.1804.03999",
    },
  ],
  multiresunet: [
    {
      text: "Ibtehaz, N., Rahman, M. S. MultiResUNet: rethinking the U-Net architecture. Neural Networks (2020).",
      doi: "10.48550/arXiv.1902.04049",
    },
  ],
  seunet: [U_NET, SQUEEZE],
  resunet_se: [RESIDUAL, SQUEEZE],
  unetr: [
    {
      text: "Hatamizadeh, A., et al. UNETR: transformers for 3D medical image segmentation. WACV (2022).",
      doi: "10.48550/arXiv.2103.10504",
    },
  ],
  unext_v1: [
    U_NET,
    { text: "Liu, Z., et al. A ConvNet for the 2020s. CVPR (2022).", doi: "10.48550/arXiv.2201.03545" },
  ],
  unext_v2: [
    U_NET,
    {
      text: "Woo, S., et al. ConvNeXt V2: co-designing and scaling ConvNets with masked autoencoders. CVPR (2023).",
      doi: "10.48550/arXiv.2301.00808",
    },
  ],
  hrnet: [
    {
      text: "Wang, J., et al. Deep high-resolution representation learning for visual recognition. TPAMI (2020).",
      doi: "10.48550/arXiv.1908.07919",
    },
  ],
  stunet: [
    {
      text: "Huang, Z., et al. STU-Net: scalable and transferable medical image segmentation models (2023).",
      doi: "10.48550/arXiv.2304.06716",
    },
  ],
  vit: [
    {
      text: "Dosovitskiy, A., et al. An image is worth 16x16 words: transformers for image recognition at scale. ICLR (2021).",
      doi: "10.48550/arXiv.2010.11929",
    },
  ],
  edsr: [
    {
      text: "Lim, B., et al. Enhanced deep residual networks for single image super-resolution. CVPR workshops (2017).",
      doi: "10.48550/arXiv.1707.02921",
    },
  ],
  rcan: [
    {
      text: "Zhang, Y., et al. Image super-resolution using very deep residual channel attention networks. ECCV (2018).",
      doi: "10.48550/arXiv.1807.02758",
    },
  ],
  dfcan: [
    {
      text: "Qiao, C., et al. Evaluation and development of deep neural networks for image super-resolution in optical microscopy. Nature Methods (2021).",
      doi: "10.1038/s41592-020-01048-5",
    },
  ],
  wdsr: [
    {
      text: "Yu, J., et al. Wide activation for efficient and accurate image super-resolution (2018).",
      doi: "10.48550/arXiv.1808.08718",
    },
  ],
};
