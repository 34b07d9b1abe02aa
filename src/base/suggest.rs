//! Did-you-mean: the candidate that a misspelt name probably meant, or that other tools call by that name.

/// The candidate that was probably meant: one that other tools call so, else the closest in letters.
#[must_use]
pub fn near<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    synonym(name, candidates).or_else(|| closest(name, candidates.iter().copied()))
}

/// The closest candidate, if it is near enough to have been meant.
///
/// Near enough: at most a third of the longer name's letters wrong (rounded up, three at most), swapped letters counting
/// once; or the same letters written with other separators or case. Names of up to three letters may have one wrong.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(name);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &fold(candidate)), candidate))
        .filter(|(distance, candidate)| {
            *distance <= name.chars().count().max(candidate.chars().count()).div_ceil(3).min(3)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn fold(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).take(64).collect()
}

/// The candidate that Keras, PyTorch, pytorch-metric-learning, TensorFlow Similarity or Faiss call by that name.
fn synonym<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let folded = fold(name);
    let named = SYNONYMS.iter().filter(|(_, theirs)| theirs.contains(&folded.as_str()));
    let ours: Vec<&str> = named.map(|(ours, _)| *ours).collect();
    candidates.iter().copied().find(|candidate| ours.contains(candidate))
}

/// Our names, and what others call the same; theirs without separators, in small letters.
const SYNONYMS: &[(&str, &[&str])] = &[
    // Keys.
    ("learning-rate", &["lr", "baselr", "initiallr", "eta", "stepsize"]),
    ("epochs", &["numepochs", "nepochs", "maxepochs", "nbepoch", "numtrainepochs", "epochcount"]),
    (
        "steps-per-epoch",
        &["steps", "batches", "numbatches", "batchesperepoch", "stepsinepoch", "iterations", "lengthbeforenewiter"],
    ),
    ("validation-steps", &["valsteps", "evalsteps", "validationbatches", "valbatches"]),
    ("optimizer", &["optim", "opt", "optimiser", "solver"]),
    ("loss", &["criterion", "lossfn", "lossfunc", "lossfunction", "objective"]),
    ("layers", &["model", "network", "architecture", "backbone", "arch", "net", "trunk", "modules"]),
    ("kernel", &["kernelsize", "ksize", "filtersize"]),
    ("filters", &["outchannels", "channelsout", "numfilters", "nfilters"]),
    ("stride", &["strides", "subsample"]),
    ("units", &["outfeatures", "hidden", "hiddensize", "neurons", "width", "size", "dim"]),
    (
        "size",
        &[
            "poolsize",
            "window",
            "kernelsize",
            "kernel",
            "units",
            "embeddingsize",
            "embeddingdim",
            "embdim",
            "dim",
            "outfeatures",
            "length",
            "count",
            "end",
            "limit",
        ],
    ),
    ("begin", &["start", "from", "first", "offset"]),
    ("rate", &["p", "prob", "probability", "dropoutrate", "keepprob"]),
    ("activation", &["act", "nonlinearity", "activationfn"]),
    ("divide-by", &["scale", "divisor", "by"]),
    ("std", &["stddev", "variance", "sigma"]),
    ("beta-1", &["beta", "betas"]),
    ("epsilon", &["eps", "margin"]),
    ("center", &["base", "centre"]),
    ("lambda", &["base", "shift", "lmda"]),
    (
        "examples-per-class",
        &[
            "mperclass",
            "m",
            "samplesperclass",
            "instances",
            "numinstances",
            "instancesperclass",
            "shots",
            "kshot",
            "examplesperclassperbatch",
            "imagesperclass",
        ],
    ),
    (
        "classes-per-batch",
        &["numclasses", "nclasses", "ways", "nway", "classes", "numclassesperbatch", "classesperepisode"],
    ),
    (
        "total-examples-per-class",
        &["totalexamples", "maxexamplesperclass", "examplesperclass", "maxperclass", "numexamples", "limit"],
    ),
    ("class-list", &["classes", "labels", "classnames", "numclasses", "nclasses"]),
    ("split", &["subset", "part", "partition", "fold"]),
    ("sampler", &["batchsampler", "batches", "sampling"]),
    ("neighbours", &["k", "topk", "nneighbors", "numneighbors", "neighbors", "knn", "nn"]),
    ("k", &["topk", "nneighbors", "numneighbors", "neighbors", "neighbours"]),
    ("distance", &["metric", "distancemetric", "similarity", "dist", "metrictype"]),
    ("metric", &["calibrationmetric", "thresholdmetric", "score"]),
    ("extra-metrics", &["extrametrics", "metrics", "othermetrics"]),
    ("cutpoint", &["threshold", "cutoff", "distancethreshold", "thresh"]),
    ("targets", &["thresholdtargets", "thresholds", "cutpoints"]),
    ("unknown-label", &["nomatchlabel", "unknown", "nomatch", "unknownclass"]),
    ("leave-one-out", &["loo", "excludeself", "ignoreself", "embeddingscomefromsamesource"]),
    ("matcher", &["matching", "voting", "vote"]),
    ("search", &["indextype", "searchtype", "algorithm", "algo", "method"]),
    ("slice", &["range", "subset", "positions", "rows"]),
    ("figures", &["plots", "charts", "graphs", "visualizations"]),
    ("source", &["name", "dataset", "data", "kind", "type"]),
    ("path", &["dir", "root", "folder", "datadir", "directory", "dataroot", "location", "file", "url"]),
    ("resize", &["imagesize", "size", "targetsize", "inputshape", "shape", "imgsize"]),
    ("stream", &["seed", "randomstate", "randomseed"]),
    ("seed", &["randomstate", "randomseed", "manualseed", "rngseed"]),
    ("device", &["gpu", "backend", "accelerator", "cuda", "usegpu"]),
    ("pipeline", &["template", "graph", "workflow", "dag"]),
    ("extends", &["base", "inherits", "parent", "include", "includes", "defaults", "import"]),
    ("description", &["desc", "comment", "notes", "title"]),
    ("name", &["experiment", "runname", "experimentname", "id"]),
    // Layers, losses, optimisers, distances, metrics, sources.
    ("conv2d", &["convolution", "convolution2d", "conv", "conv2dlayer", "nnconv2d"]),
    ("batch-norm", &["batchnormalization", "batchnorm2d", "bn", "batchnormalisation"]),
    ("max-pool", &["maxpooling2d", "maxpool2d", "maxpooling", "pool", "pooling"]),
    ("avg-pool", &["averagepooling2d", "avgpool2d", "averagepool", "meanpool", "averagepooling"]),
    ("global-max-pool", &["globalmaxpooling2d", "globalmaxpooling", "gmp", "adaptivemaxpool2d"]),
    (
        "global-avg-pool",
        &["globalaveragepooling2d", "globalavgpooling", "globalaveragepool", "gap", "adaptiveavgpool2d"],
    ),
    ("dense", &["linear", "fc", "fullyconnected", "innerproduct"]),
    ("rescale", &["rescaling", "scale", "scaling", "totensor"]),
    ("normalize", &["normalization", "standardize", "normalise", "standardise"]),
    ("l2-normalize", &["l2norm", "unitnorm", "l2normalization", "l2normalise"]),
    ("metric-embedding", &["embedding", "embeddings", "head", "embedder", "projection", "projectionhead"]),
    ("silu", &["swish"]),
    ("none", &["linear", "identity"]),
    ("same", &["zeros", "zero"]),
    ("multi-similarity", &["multisimilarityloss", "ms", "msloss"]),
    ("adam", &["adamw", "adamoptimizer", "nadam"]),
    (
        "multi-shot",
        &[
            "mperclasssampler",
            "multishotmemorysampler",
            "pk",
            "pksampler",
            "balanced",
            "tfdatasetmultishotmemorysampler",
        ],
    ),
    ("cosine", &["cos", "cosinesimilarity", "cosinedistance", "angular"]),
    ("inner-product", &["ip", "dot", "dotproduct"]),
    ("euclidean", &["l2", "lpdistance", "euclid"]),
    ("squared-euclidean", &["sql2", "sqeuclidean", "l2squared"]),
    ("manhattan", &["l1", "cityblock", "taxicab"]),
    ("binary-accuracy", &["acc", "accuracy", "binaryacc"]),
    ("f1", &["fscore", "f1score", "fmeasure"]),
    ("fpr", &["falsepositiverate", "fallout"]),
    ("npv", &["negativepredictivevalue"]),
    ("recall", &["tpr", "sensitivity", "truepositiverate"]),
    ("exact", &["flat", "bruteforce", "linear", "nmslib", "flatl2", "indexflatl2"]),
    ("nearest", &["matchnearest", "nn", "1nn"]),
    ("majority-vote", &["matchmajorityvote", "majority", "vote", "knn"]),
    (
        "image-folder",
        &["imagefolder", "folder", "directory", "path", "dir", "imagedataset", "imagedatasetfromdirectory"],
    ),
    ("t-sne", &["tsne"]),
    ("training-curves", &["loss", "losscurve", "learningcurves", "history"]),
    ("projection", &["pca", "tsne", "umap", "embeddings", "projector"]),
    ("precision-recall", &["pr", "prcurve"]),
    ("cuda", &["gpu", "cuda0", "nvidia"]),
    ("vulkan", &["wgpu", "metal", "mps", "rocm"]),
    ("all", &["full", "everything"]),
];

/// Sentences on keys of other tools that are no parameter here; names folded like those of [`SYNONYMS`].
const NOTES: &[(&[&str], &str)] = &[
    (
        &["batchsize", "bs", "batch", "trainbatchsize"],
        "a batch is `classes-per-batch` x `examples-per-class` examples: set both in the `sampler` of a `sample` stage",
    ),
    (&["shuffle", "shufflebuffer"], "a pool is always shuffled, by the seed"),
    (&["numworkers", "workers", "njobs"], "nothing to set: `--jobs N` of `simpipe run` limits the stages at once"),
    (
        &["miner", "miningfunc", "hardnegativemining"],
        "`multi-similarity` mines its own pairs, with `epsilon` as the margin",
    ),
    (&["inputshape", "inputsize", "inchannels"], "nothing to set: the shape of the images is known from the dataset"),
    (&["weightdecay", "decay", "l2"], "this version has no weight decay"),
    (&["download"], "nothing to set: what is missing is downloaded when the stage runs"),
    (&["usebias", "bias"], "nothing to set: the layer always has a bias"),
    (&["inputs", "input"], "inputs belong to the template under `pipelines/`, not to a config"),
];

/// What to say of a name that belongs to another tool's vocabulary and has no counterpart.
#[must_use]
pub fn note(name: &str) -> Option<&'static str> {
    let folded = fold(name);
    NOTES.iter().find(|(names, _)| names.contains(&folded.as_str())).map(|(_, note)| *note)
}

/// ``did you mean `epochs`?``, or what is known of the name, or the list of what there is.
#[must_use]
pub fn help(name: &str, candidates: &[&str]) -> String {
    if let Some(candidate) = near(name, candidates) {
        return format!("did you mean `{candidate}`?");
    }
    match note(name) {
        Some(note) => note.to_owned(),
        None if candidates.is_empty() => "no parameters are taken here".to_owned(),
        None => format!("expected {}", one_of(candidates)),
    }
}

/// Names that a list shows before the rest is counted.
const LISTED: usize = 24;

/// `` `a`, `b` or `c` ``; a very long list is cut.
#[must_use]
pub fn one_of(names: &[&str]) -> String {
    let mut quoted: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    if names.len() > LISTED {
        quoted.push(format!("one of {} more", names.len() - LISTED));
    }
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        assert_eq!(closest("epoch", ["epochs", "steps"]), Some("epochs"));
        assert_eq!(closest("learning_rate", ["learning-rate"]), Some("learning-rate"));
        assert_eq!(closest("tripelt", ["triplet", "pn"]), Some("triplet"));
        assert_eq!(closest("zzz", ["epochs", "steps"]), None);
        assert_eq!(help("zzz", &["a-long-name", "b-long-name"]), "expected `a-long-name` or `b-long-name`");
    }

    #[test]
    fn names_of_other_tools_are_known() {
        assert_eq!(near("lr", &["epsilon", "learning-rate"]), Some("learning-rate"));
        assert_eq!(near("kernel_size", &["filters", "kernel"]), Some("kernel"));
        assert_eq!(near("MaxPooling2D", &["max-pool", "avg-pool"]), Some("max-pool"));
        // The same word means what is there.
        assert_eq!(near("dim", &["units", "activation"]), Some("units"));
        assert_eq!(near("dim", &["size"]), Some("size"));
        assert!(help("batch_size", &["epochs", "loss"]).contains("`classes-per-batch` x `examples-per-class`"));
    }

    #[test]
    fn synonyms_are_folded_and_a_name_is_no_synonym_of_itself() {
        for (ours, theirs) in SYNONYMS {
            for name in *theirs {
                assert_eq!(fold(name), **name, "of `{ours}`");
                assert_ne!(*name, *ours);
            }
        }
    }

    #[test]
    fn a_long_list_is_cut() {
        let names = ["x"; 30];
        assert!(one_of(&names).ends_with("or one of 6 more"));
    }
}
