# Fits R earth at its defaults to x.f64 and y.f64 of a folder, or predicts x_new.f64 there.
# Arguments: fit or predict, folder. Files are columns of doubles.
suppressMessages(library(earth))
args <- commandArgs(trailingOnly = TRUE)
read <- function(name) {
  path <- file.path(args[2], paste0(name, ".f64"))
  readBin(path, "double", file.size(path) / 8)
}
table_of <- function(name, rows) {
  x <- matrix(read(name), nrow = rows)
  colnames(x) <- paste0("x", seq_len(ncol(x)) - 1)
  x
}
model <- file.path(args[2], "model.rds")
if (args[1] == "fit") {
  y <- read("y")
  x <- table_of("x", length(y))
  taken <- system.time(fit <- earth(x, y))
  saveRDS(fit, model)
  cat(sum(taken[c("user.self", "sys.self")]))
} else {
  fit <- readRDS(model)
  columns <- ncol(fit$dirs)
  x <- matrix(read("x_new"), ncol = columns, dimnames = list(NULL, colnames(fit$dirs)))
  writeBin(as.double(predict(fit, x)), file.path(args[2], "predictions.f64"))
}
