"""The fit of rows that lie on several devices; see `spline_fc.sharding`."""
