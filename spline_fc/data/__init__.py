"""The front door: named sources, files, splits and standardisation."""

from spline_fc.data.arrays import encode_arrays, from_arrays
from spline_fc.data.chunk_files import chunks_of_npy, chunks_of_parquet
from spline_fc.data.chunk_scaling import fit_chunk_scaler, scale_chunks
from spline_fc.data.chunks import Chunks, chunks_of
from spline_fc.data.encoding import ColumnReport, Encoding, encoding_from_json
from spline_fc.data.generated import CpwlTarget, cpwl_target
from spline_fc.data.load import dataset_names, load
from spline_fc.data.new_rows import describe_columns, encode, encode_with_targets
from spline_fc.data.records import (
    Dataset,
    Part,
    Scaler,
    Weights,
    as_dataset,
    check_dataset,
    identity_scaler,
    join_validation,
    stack,
)
from spline_fc.data.scaling import (
    EXTRAPOLATE,
    fit_scaler,
    pull_in,
    scale_x,
    scale_y,
    standardize,
    train_range,
    unscale_x,
    unscale_y,
)

__all__ = [
    "Chunks",
    "EXTRAPOLATE",
    "ColumnReport",
    "CpwlTarget",
    "Dataset",
    "Encoding",
    "Part",
    "Scaler",
    "Weights",
    "as_dataset",
    "check_dataset",
    "chunks_of",
    "chunks_of_npy",
    "chunks_of_parquet",
    "cpwl_target",
    "dataset_names",
    "describe_columns",
    "encode",
    "encode_arrays",
    "encode_with_targets",
    "encoding_from_json",
    "fit_chunk_scaler",
    "fit_scaler",
    "from_arrays",
    "identity_scaler",
    "join_validation",
    "load",
    "pull_in",
    "scale_chunks",
    "scale_x",
    "scale_y",
    "stack",
    "standardize",
    "train_range",
    "unscale_x",
    "unscale_y",
]
