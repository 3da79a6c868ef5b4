"""Named sources on the real files, and the traps in them."""

import gzip
import shutil

import ml_collections
import numpy as np
import pytest

from spline_fc import data

# rows and encoded columns, as the note beside the files has them
SIZES = {
    "diabetes": (442, 10, "regression"),
    "breast_cancer": (569, 30, "binary"),
    "digits": (1797, 64, "multiclass"),
    "abalone": (4177, 10, "regression"),
    "wine_quality_red": (1599, 11, "regression"),
    "wine_quality_white": (4898, 11, "regression"),
    "wine_quality": (6497, 12, "regression"),
    "california_housing": (20640, 8, "regression"),
    "uci_boston": (506, 13, "regression"),
    "uci_concrete": (1030, 8, "regression"),
    "uci_energy": (768, 8, "regression"),
    "uci_kin8nm": (8192, 8, "regression"),
    "uci_naval": (11934, 16, "regression"),
    "uci_power": (9568, 4, "regression"),
    "uci_protein": (45730, 9, "regression"),
    "uci_wine_red": (1599, 11, "regression"),
    "uci_yacht": (308, 6, "regression"),
}
# plain linear test RMSE over the published splits, as measured by the collector of the files
LINEAR_RMSE = {"uci_boston": 4.588, "uci_concrete": 10.314, "uci_energy": 3.056, "uci_yacht": 8.970}


def whole(d):
    x, y = (np.concatenate([p[i] for p in (d.train, d.validation, d.test)]) for i in (0, 1))
    return x, y


@pytest.mark.parametrize("name", SIZES)
def test_size_task_and_standardisation(name, data_dir):
    d = data.load(name, data_dir=data_dir)
    x, _ = whole(d)
    assert (*x.shape, d.task) == SIZES[name] and d.name == name
    assert x.dtype == d.train.y.dtype == np.float64
    s = data.standardize(d)
    assert s.train.x.dtype == np.float32
    varying = np.ptp(d.train.x, axis=0) > 0
    deviations = s.train.x[:, varying].std(axis=0)
    if d.shared_scale:
        deviations = np.sqrt((s.train.x.std(axis=0) ** 2).mean())
    assert d.shared_scale == (name == "digits")
    np.testing.assert_allclose(deviations, 1, rtol=1e-4)
    if d.task == "regression":
        np.testing.assert_allclose(s.train.y.std(axis=0), 1, rtol=1e-4)


def test_every_name_is_in_a_table_of_this_test():
    generated, parted = {"friedman1", "friedman2", "friedman3", "cpwl"}, {"mnist", "fashion_mnist"}
    assert set(data.dataset_names()) == generated | parted | {"adult"} | set(SIZES)


def test_columns_of_abalone_and_california(data_dir):
    d = data.load("abalone", data_dir=data_dir)
    assert d.feature_names[:4] == ("sex=F", "sex=I", "sex=M", "length")
    assert d.target_names == ("rings",)
    _, y = whole(d)
    assert (y.min(), y.max()) == (1, 29)
    house = data.load("california_housing", data_dir=data_dir)
    assert house.target_names == ("medianHouseValue",)
    assert int((whole(house)[1] == 500001).sum()) == 965


def test_both_wines_are_those_of_each_with_their_colour(data_dir):
    both = data.load("wine_quality", data_dir=data_dir)
    assert both.feature_names[-1] == "colour=white" and both.target_names == ("quality",)
    x, y = whole(both)
    for is_white, name in enumerate(("wine_quality_red", "wine_quality_white")):
        rows = x[:, -1] == is_white
        one, target = whole(data.load(name, data_dir=data_dir))
        mine = np.concatenate([x[rows, :-1], y[rows]], axis=1)
        theirs = np.concatenate([one, target], axis=1)
        np.testing.assert_array_equal(mine[np.lexsort(mine.T)], theirs[np.lexsort(theirs.T)])


def test_tables_that_differ_are_not_joined(tmp_path):
    folder = tmp_path / "wine_quality"
    folder.mkdir()
    (folder / "winequality-red.csv").write_text("a;b;quality\n1;2;3\n2;3;4\n")
    (folder / "winequality-white.csv").write_text("a;c;quality\n1;2;3\n2;x;4\n")
    with pytest.raises(ValueError, match="must have the columns a, b, quality; got a, c, quality"):
        data.load("wine_quality", data_dir=tmp_path)
    (folder / "winequality-white.csv").write_text("a;b;quality\n1;2;3\n2;inf;4\n")
    with pytest.raises(ValueError, match="winequality-white.csv, line 3"):
        data.load("wine_quality", data_dir=tmp_path)


def test_naval_traps(data_dir):
    d = data.load("uci_naval", data_dir=data_dir, split=0)
    x, y = whole(d)
    raw = np.loadtxt(data_dir / "uci_regression" / "naval-propulsion-plant" / "data.txt.gz")
    assert set(np.unique(y)) == set(np.unique(raw[:, 16]))
    second = set(np.unique(raw[:, 17]))  # the turbine's decay must be no feature
    assert all(set(np.unique(x[:, j])) != second for j in range(16))
    s = data.standardize(d)
    for j, value in ((8, 288.0), (11, 0.998)):
        assert s.scaler.x_scale[j] == 1 and s.scaler.x_shift[j] == value
        assert not s.train.x[:, j].any() and not s.test.x[:, j].any()
    assert abs(s.scaler.y_scale[0] - 0.0147) < 2e-4
    assert abs(s.train.y.std() - 1) < 1e-5 and len(np.unique(s.train.y)) == len(np.unique(y))


@pytest.mark.parametrize("name", LINEAR_RMSE)
def test_published_splits_give_the_known_linear_error(name, data_dir):
    errors = []
    for split in range(20):
        d = data.load(name, data_dir=data_dir, split=split)
        x, y = (np.concatenate(pair) for pair in zip(d.train, d.validation, strict=True))
        design = lambda x: np.column_stack([np.ones(len(x)), x])  # noqa: E731
        weights = np.linalg.lstsq(design(x), y, rcond=None)[0]
        errors.append(np.sqrt(np.mean((design(d.test.x) @ weights - d.test.y) ** 2)))
    assert abs(np.mean(errors) - LINEAR_RMSE[name]) < 1e-3


def test_published_split_is_taken_as_it_is_and_validation_by_seed(data_dir):
    folder = data_dir / "uci_regression" / "yacht"
    raw = np.loadtxt(folder / "data.txt.gz")
    test = np.loadtxt(folder / "index_test_3.txt.gz").astype(int)
    one, two = (data.load("uci_yacht", data_dir=data_dir, split=3, seed=s) for s in (0, 1))
    np.testing.assert_array_equal(one.test.x, raw[test, :6])
    np.testing.assert_array_equal(one.test.y, two.test.y)
    assert len(one.validation.x) == 55 and one.validation.x.shape == two.validation.x.shape
    assert set(one.validation.y.ravel().tolist()) != set(two.validation.y.ravel().tolist())
    by_path = data.load(folder, split=3)
    np.testing.assert_array_equal(by_path.train.x, one.train.x)
    assert (by_path.name, by_path.feature_names[0]) == ("yacht", "column_0")


@pytest.mark.parametrize(
    "name, options, pattern",
    [
        ("uci_yacht", {"split": 20}, "split must be one of 0..19 for yacht; got 20"),
        ("uci_protein", {"split": 5}, "split must be one of 0..4 for protein"),
        ("uci_yacht", {"split": -1}, "split must be an integer >= 0; got -1"),
        ("uci_yacht", {"split": 1, "test_fraction": 0.5}, "test_fraction must be left out beside"),
        ("uci_yacht", {"split": 1, "validation_fraction": 2}, "validation_fraction must be"),
        ("abalone", {"split": 1}, r"split must be left out for 'abalone' \(table\)"),
        ("abalone", {"num_test": 10}, "num_test must be left out for 'abalone'"),
        ("friedman1", {"test_fraction": 0.1}, "test_fraction must be left out for 'friedman1'"),
        ("abalnoe", {}, "data set must be one of 'friedman1', .*did you mean 'abalone'"),
    ],
)
def test_bad_requests(name, options, pattern, data_dir):
    with pytest.raises(ValueError, match=pattern) as caught:
        data.load(name, data_dir=data_dir, **options)
    assert "\n" not in str(caught.value)


@pytest.fixture
def yacht(tmp_path, data_dir):
    """A copy of a benchmark folder that a test may damage."""
    folder = tmp_path / "yacht"
    folder.mkdir()
    for path in (data_dir / "uci_regression" / "yacht").iterdir():
        shutil.copyfile(path, folder / path.name)
    return folder


def replace(folder, name, content):
    for old in folder.glob(f"{name}*"):
        old.unlink()
    (folder / name).write_text(content)


@pytest.mark.parametrize(
    "name, content, pattern",
    [
        ("data.txt", "1 2\n3 x\n", "data.txt, line 2: must hold numbers only .*'x'"),
        ("data.txt", "1 2\n3\n", "data.txt, line 2: must have 2 cells.*got 1"),
        ("data.txt", "1 2\n", "index_features.txt must hold column numbers in 0..1; got 2"),
        ("index_target.txt", "5\n", r"a target must not be a feature; got column\(s\) \[5\]"),
        ("index_target.txt", "1.5\n", "index_target.txt must hold column numbers"),
        ("index_test_3.txt", "400\n", "index_test_3.txt must hold row numbers in 0..307; got 400"),
        ("index_test_3.txt", "7\n7\n", "index_test_3.txt must not name a row twice"),
        ("index_train_3.txt", "\n".join(map(str, range(300))), "must not overlap; got"),
    ],
)
def test_damaged_folder(yacht, name, content, pattern):
    replace(yacht, name, content)
    with pytest.raises(ValueError, match=pattern):
        data.load(yacht, split=3)


def test_nan_in_a_folder(yacht):
    text = gzip.decompress((yacht / "data.txt.gz").read_bytes()).decode()
    replace(yacht, "data.txt", text.replace("0.568", "nan", 1))
    with pytest.raises(ValueError, match="data.txt, line 1: must hold finite numbers only"):
        data.load(yacht, split=3)


def test_absent_files_of_a_folder(yacht):
    (yacht / "index_test_3.txt.gz").unlink()
    data.load(yacht, split=2)
    with pytest.raises(FileNotFoundError, match="must hold index_test_3.txt or"):
        data.load(yacht, split=3)
    (yacht / "index_train_4.txt.gz").unlink()
    with pytest.raises(FileNotFoundError, match="must hold index_train_4.txt or"):
        data.load(yacht, split=4)
    for path in yacht.glob("index_train*"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="got no split"):
        data.load(yacht, split=0)
    (yacht / "data.txt.gz").unlink()
    with pytest.raises(FileNotFoundError, match="must hold data.txt with index_features.txt"):
        data.load(yacht)


def test_folder_of_the_environment_comes_second(tmp_path, data_dir, monkeypatch):
    mine = tmp_path / "abalone"
    mine.mkdir()
    lines = (data_dir / "abalone" / "abalone.data").read_text().splitlines()
    (mine / "abalone.data").write_text("\n".join(lines[:100]))
    monkeypatch.setenv("SPLINE_FC_DATA", str(data_dir))
    assert len(whole(data.load("abalone"))[0]) == 4177
    assert len(whole(data.load("abalone", data_dir=tmp_path))[0]) == 100
    assert len(whole(data.load("uci_yacht", data_dir=tmp_path))[0]) == 308
    (mine / "abalone.data").write_text("1,2,3\n4,5,6\n")
    with pytest.raises(ValueError, match="must have 9 columns; got 3"):
        data.load("abalone", data_dir=tmp_path)
    monkeypatch.setenv("SPLINE_FC_DATA", str(tmp_path / "absent"))
    with pytest.raises(FileNotFoundError, match="SPLINE_FC_DATA must name a folder"):
        data.load("uci_yacht")


def test_config_mapping_and_keywords(data_dir):
    config = ml_collections.ConfigDict({"name": "friedman1", "num_train": 50, "noise": 0.0})
    config.num_test = ml_collections.config_dict.placeholder(int)
    d = data.load(config, seed=3, data_dir=data_dir)
    assert d.train.x.shape == (50, 10) and d.test.x.shape == (2000, 10)
    assert data.load(config, num_train=20).train.x.shape == (20, 10)
    with pytest.raises(ValueError, match="a field of the data config must be .*mean 'num_train'"):
        data.load({"name": "friedman1", "num_trian": 3})
    with pytest.raises(ValueError, match="the data config must have a name"):
        data.load({"num_train": 3})
    with pytest.raises(ValueError, match="source must be a name, a path or a mapping .*got 5"):
        data.load(5)


def test_adult_has_its_own_test_part_and_every_row(data_dir):
    d = data.load("adult", data_dir=data_dir, seed=3)
    assert (d.task, d.target_names) == ("binary", ("income=>50K",))
    assert [len(part.x) for part in (d.train, d.validation, d.test)] == [26049, 6512, 16281]
    assert d.test.y[:4, 0].tolist() == [0, 0, 1, 1] and int(d.test.y.sum()) == 3846
    assert d.test.x[0, d.feature_names.index("age")] == 25
    gaps = d.feature_names.index("workclass=missing")
    assert int(d.test.x[:, gaps].sum()) == 963 and int(d.train.x[:, gaps].sum()) > 1000
    assert {"sex=Male", "fnlwgt", "native-country=missing"} <= set(d.feature_names)
    dropped = data.load("adult", data_dir=data_dir, missing="drop")
    assert len(dropped.test.x) == 16281 - 1221
    assert len(dropped.train.x) + len(dropped.validation.x) == 32561 - 2399


def test_adult_is_refused_in_one_sentence(tmp_path, data_dir, monkeypatch):
    monkeypatch.delenv("SPLINE_FC_DATA", raising=False)
    (tmp_path / "adult").mkdir()
    shutil.copy(data_dir / "adult" / "adult-train.csv.gz", tmp_path / "adult")
    for folder in (None, tmp_path):
        with pytest.raises(FileNotFoundError, match="'adult' needs adult-train.csv and adult-test"):
            data.load("adult", data_dir=folder)
    (tmp_path / "adult" / "adult-test.csv").write_text("1,2,3\n4,5,6\n")
    with pytest.raises(ValueError, match="adult-test.csv must have 15 columns; got 3"):
        data.load("adult", data_dir=tmp_path)


def test_adult_and_diamonds_are_readable_by_path(data_dir):
    adult = data.load(data_dir / "adult" / "adult-train.csv.gz")
    x, y = whole(adult)
    assert adult.task == "binary" and adult.target_names == ("column_14=>50K",)
    assert len(x) == 32561 - 2399
    assert "column_9=Male" in adult.feature_names and "column_3=Bachelors" in adult.feature_names
    assert not any("?" in name for name in adult.feature_names)
    diamonds = data.load("diamonds/diamonds.csv", data_dir=data_dir, target="price")
    x, y = whole(diamonds)
    assert len(x) == 53940 and "cut=Ideal" in diamonds.feature_names and y.min() == 326


def test_missing_marks_and_time_order_of_beijing(data_dir):
    path = data_dir / "beijing_air_quality"
    path = path / "PRSA_Data_Aotizhongxin_20130301-20170228.csv.gz"
    d = data.load(path, target="PM2.5", ignore=("No", "station"), shuffle=False)
    assert "wd=NNW" in d.feature_names and "wd=missing" not in d.feature_names
    year = d.feature_names.index("year")
    assert d.train.x[:, year].max() <= d.test.x[:, year].min()
    assert len(whole(d)[0]) < 35064


def test_mnist(data_dir):
    d = data.load("mnist", data_dir=data_dir)
    assert d.train.x.shape == (48000, 784) and d.test.x.shape == (10000, 784)
    assert d.train.x.dtype == np.float32 and (d.train.x.min(), d.train.x.max()) == (0, 1)
    assert d.test.y[:5].argmax(axis=1).tolist() == [7, 2, 1, 0, 4]
    assert d.target_names[7] == "class=7"
    few = data.load("mnist", data_dir=data_dir, num_train=100)
    np.testing.assert_array_equal(few.train.x, d.train.x[:100])
    np.testing.assert_array_equal(few.validation.y, d.validation.y)
    with pytest.raises(ValueError, match="num_train must be at most 48000; got 48001"):
        data.load("mnist", data_dir=data_dir, num_train=48001)


def test_california_csv_has_missing_cells(data_dir):
    path = data_dir / "california_housing" / "housing.csv.gz"
    dropped = data.load(path, target="median_house_value")
    filled = data.load(path, target="median_house_value", missing="median")
    assert len(whole(dropped)[0]) == 20640 - 207 and len(whole(filled)[0]) == 20640
    assert "ocean_proximity=NEAR BAY" in filled.feature_names
