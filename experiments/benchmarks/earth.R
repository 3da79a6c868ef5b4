# Fits R earth to the files of one case and times earth() alone.
# Arguments: folder, rows, features, nk, degree, thresh, further arguments of earth as R text.
suppressMessages(library(earth))
args <- commandArgs(trailingOnly = TRUE)
folder <- args[1]
d <- as.integer(args[3])
read <- function(name, columns) {
  path <- file.path(folder, paste0(name, ".f64"))
  values <- readBin(path, "double", file.size(path) / 8)
  if (columns == 1) values else matrix(values, ncol = columns,
                                       dimnames = list(NULL, paste0("x", seq_len(columns) - 1)))
}
x <- read("x", d)
y <- read("y", 1)
stopifnot(nrow(x) == as.integer(args[2]), length(y) == nrow(x))
options <- c(list(nk = as.integer(args[4]), degree = as.integer(args[5]),
                  thresh = as.numeric(args[6])),
             eval(parse(text = paste0("list(", args[7], ")"))))
few <- seq_len(min(200, nrow(x)))
invisible(do.call(earth, c(list(x[few, , drop = FALSE], y[few]), options)))  # warm
all_seconds <- processor <- c()
while (sum(all_seconds) < 0.5) {  # again and again for half a second, as ours is
  taken <- system.time(fit <- do.call(earth, c(list(x, y), options)))
  all_seconds <- c(all_seconds, taken[["elapsed"]])
  processor <- c(processor, taken[["user.self"]] + taken[["sys.self"]])
}
writeBin(as.double(predict(fit, read("x_test", d))), file.path(folder, "earth_predictions.f64"))
cat(sprintf(
  '{"seconds": %.6f, "processor_seconds": %.6f, "terms": %d, "forward_terms": %d, "versions": {"R": "%s", "earth": "%s"}}\n',
  median(all_seconds), mean(processor), length(fit$selected.terms), nrow(fit$dirs),
  paste(R.version$major, R.version$minor, sep = "."), as.character(packageVersion("earth"))))
