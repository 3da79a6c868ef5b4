"""The fit of rows that come in chunks; see `spline_fc.data.chunks`."""
