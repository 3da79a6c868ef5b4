"""Every field of a config with its default; the other configs start from here.

python -m experiments.train --config=configs/default.py --config.data.name=my.csv --workdir=runs/my
python -m experiments.train --config=configs/default.py:smoke --workdir=runs/smoke

A field is set on the command line by its path, `--config.training.epochs=200`; a tuple takes one
value, or several in brackets, `--config.data.target="('y1', 'y2')"`. None means "as it comes". The
defaults are those of the library, which this file only names and explains.
"""

from ml_collections import config_dict

from spline_fc import runs


def get_config(mode: str = "") -> config_dict.ConfigDict:
    """Friedman 1 with five seeds; see configs/friedman1.py for the command.

    Args:
      mode: "smoke" for a run of seconds, as every config takes it.
    """
    default = runs.defaults()
    config = config_dict.ConfigDict()
    config.data = data_fields(default["data"])
    config.fit = fit_fields(default["fit"])
    config.training = training_fields(default["training"])
    config.network = config_dict.ConfigDict()
    config.network.hidden_sizes = default["network"]["hidden_sizes"]  # widths
    config.initialisations = default["initialisations"]  # "spline", others, names of variants
    config.variants = (
        config_dict.ConfigDict()
    )  # name -> {"start", "fit", "training", "control", "noise"}
    config.learning_rates = default["learning_rates"]  # each start gets its own best of them
    config.seeds = default["seeds"]  # of data, start and order of the rows
    config.extrapolate = default["extrapolate"]  # "clip" scores rows in the range of the training
    # rows, "linear" goes straight on
    config.refit = default["refit"]  # train again on training and validation rows
    config.timing = default["timing"]  # time a start and a step alone, warm
    config.checkpoint_every = default["checkpoint_every"]  # epochs
    config.knot_records = default["knot_records"]  # of the knots in a run, at most
    config.writers = default["writers"]  # of metrics beside JSONL: "stdout", "tensorboard"
    return finish(config, mode)


def data_fields(default: dict) -> config_dict.ConfigDict:
    """Where the data come from; see `spline_fc.data.load`."""
    d = config_dict.ConfigDict()
    d.name = "friedman1"  # a name that load knows, or a path to CSV, ARFF, NPZ or a folder
    d.data_dir = config_dict.placeholder(str)  # folder to look in first
    d.cache_dir = config_dict.placeholder(str)  # of what is fetched
    d.split = config_dict.placeholder(object)  # number of a published split, or "published": seed s
    d.num_train = config_dict.placeholder(int)  # training rows; all, generated 2000
    d.num_validation = config_dict.placeholder(int)  # generated data: validation rows
    d.num_test = config_dict.placeholder(int)  # generated data: test rows
    d.noise = config_dict.placeholder(float)  # generated data: its standard deviation
    d.test_fraction = config_dict.placeholder(float)  # of all rows, 0.2
    d.validation_fraction = config_dict.placeholder(float)  # of the other rows, 0.2
    d.keep_twins_together = config_dict.placeholder(bool)  # identical rows in one part, True
    d.shuffle = config_dict.placeholder(bool)  # False: rows ordered in time stay in order
    d.target = ()  # names or numbers of target columns; the last column
    d.ignore = ()  # names or numbers of columns to leave out
    d.task = config_dict.placeholder(str)  # regression, binary or multiclass; by the target
    d.missing = config_dict.placeholder(str)  # "drop" rows with a gap, or fill in the "median"
    d.weights = config_dict.placeholder(object)  # name or number of a column of row weights; none
    d.kinds = config_dict.placeholder(
        object
    )  # what columns are, {"zip": "category"}; by their cells
    d.header = config_dict.placeholder(bool)  # whether a CSV file has one; a guess
    d.delimiter = config_dict.placeholder(str)  # of a CSV file; by its first lines
    d.decimal = config_dict.placeholder(str)  # "." or ","; by the cells
    return _complete("data", d, default)


def fit_fields(default: dict) -> config_dict.ConfigDict:
    """The spline and its network; see `spline_fc.spline_start` and `spline_fc.fit_mars`."""
    f = config_dict.ConfigDict()
    f.directions = _free(default["directions"])  # to bend along; () for features; by the task
    f.num_directions = default["num_directions"]  # of each kind
    f.num_slices = default["num_slices"]  # of y, for the directions "sir"
    f.max_terms = default["max_terms"]  # of the forward pass, intercept included
    f.max_degree = default["max_degree"]  # hinges per term; 1 is additive
    f.share = default["share"]  # of the first layer, at most, are hinges
    f.tolerance = default["tolerance"]  # of the residuals, for smaller coefficients
    f.row_share = default["row_share"]  # of the training rows that the spline is fitted on
    f.incoming = default["incoming"]  # how units without a hinge are drawn
    f.balance = default["balance"]  # of norms in and out of its units: powers_of_two, any, none
    f.penalty = default["penalty"]  # GCV's charge per knot
    f.knots = _free(default["knots"])  # candidates per feature, or "all" for every data point
    f.threshold = default["threshold"]  # least share of the variance that a step explains
    f.min_span = config_dict.placeholder(int)  # rows between knots; Friedman's formula
    f.end_span = config_dict.placeholder(int)  # rows beyond the outermost knots; his formula
    f.allowed = config_dict.placeholder(tuple)  # groups of features that may share a term; all
    f.linear = default["linear"]  # features that may enter only linearly
    f.fast_k = _free(default["fast_k"])  # parents looked at again at each step; None for all
    f.screen = config_dict.placeholder(int)  # features searched, those that promise most; all
    f.prune = default["prune"]  # "gcv", "cv" or "none"
    f.num_folds = default["num_folds"]  # of "cv"
    f.max_hinges = config_dict.placeholder(int)  # of the spline; share of the first layer
    f.passes = default["passes"]  # of classes: searches on the log loss after the one on labels
    f.ridge = config_dict.placeholder(float)  # of classes: on coefficients; by held-out rows
    return _complete("fit", f, default)


def training_fields(default: dict) -> config_dict.ConfigDict:
    """How networks are trained on; see `spline_fc.TrainingConfig`."""
    t = config_dict.ConfigDict()
    t.loss = config_dict.placeholder(str)  # squared_error, huber, sigmoid_ or softmax_cross_entropy
    t.optimizer = default["optimizer"]  # adam, adamw, sgd, lbfgs or gauss_newton
    t.batch_size = default["batch_size"]  # rows per step
    t.epochs = default["epochs"]  # passes over the training part
    t.warmup_epochs = default["warmup_epochs"]  # of a rate that rises to its peak
    t.schedule = default["schedule"]  # after that: constant or cosine
    t.averaging = default["averaging"]  # decay per step of the averaged weights; 0 is off
    t.guard = default["guard"]  # undo epochs above so many times the loss of the start; 0 is off
    t.patience = default["patience"]  # epochs without a better validation loss; 0 is off
    t.momentum = default["momentum"]  # of sgd
    t.weight_decay = default["weight_decay"]  # of adamw
    t.initial_decay = default["initial_decay"]  # towards the start; 0 is off
    t.output_ridge = default["output_ridge"]  # re-solve the output layer every epoch; 0 is off
    t.keep_axes = default["keep_axes"]  # each hinge of a spline start stays on its feature
    t.precision = default["precision"]  # of products in a step: default, high or highest
    t.group_rates = config_dict.ConfigDict()  # factors on the rate in a spline start; 0 freezes
    t.group_rates.spline_units = config_dict.placeholder(float)  # incoming weights of its units
    t.group_rates.new_units = config_dict.placeholder(float)  # those of the other hidden units
    t.group_rates.knots = config_dict.placeholder(float)  # those of the hinges alone
    t.group_rates.output = config_dict.placeholder(float)  # the last layer
    return _complete("training", t, default)


def finish(config: config_dict.ConfigDict, mode: str) -> config_dict.ConfigDict:
    """Makes a config small where `mode` is "smoke", and locks it.

    Raises:
      ValueError: another mode.
    """
    if mode not in ("", "smoke"):
        raise ValueError(f"the mode of a config must be 'smoke' or left out; got {mode!r}.")
    if mode == "smoke":
        config.training.epochs, config.training.warmup_epochs = 2, 1
        config.network.hidden_sizes = tuple(-(-size // 4) for size in config.network.hidden_sizes)
        config.fit.max_terms = min(config.fit.max_terms, 9)
        config.learning_rates, config.seeds = config.learning_rates[:1], 1
    return config.lock()


def _free(value) -> config_dict.FieldReference:
    """A field that takes values of several types on the command line."""
    return config_dict.FieldReference(value, field_type=object)


def _complete(section: str, fields: config_dict.ConfigDict, default: dict):
    """The section, after a look that it names every field that the library has and no other."""
    if set(fields) != set(default):
        differing = sorted(set(fields) ^ set(default))
        raise ValueError(f"config.{section} must name the fields of the library; {differing}.")
    return fields
