# Reference numbers of tests/golden/test_trials_rpact.py:
#   Rscript tests/golden/trials_rpact.R > tests/golden/trials_rpact.json
suppressMessages(library(rpact))
d <- getDesignGroupSequential(kMax = 3, alpha = 0.025, beta = 0.2, sided = 1,
                              informationRates = c(1/3, 2/3, 1), typeOfDesign = "OF")
p <- getPowerSurvival(d, lambda2 = log(2) / 12, hazardRatio = c(1, 0.7), directionUpper = FALSE,
                      maxNumberOfEvents = 180, maxNumberOfSubjects = 300, accrualTime = c(0, 20),
                      allocationRatioPlanned = 1, typeOfComputation = "Schoenfeld")
list_of <- function(x) paste0("[", paste(sprintf("%.10g", x), collapse = ", "), "]")
cat("{\n")
cat(sprintf('  "rpact": "%s",\n', packageVersion("rpact")))
cat(sprintf('  "critical_values": %s,\n', list_of(d$criticalValues)))
for (i in 1:2) {
  cat(sprintf('  "hr_%s": {\n', c("1", "0.7")[i]))
  cat(sprintf('    "reject": %.10g,\n', p$overallReject[i]))
  cat(sprintf('    "reject_by_look": %s,\n', list_of(p$rejectPerStage[, i])))
  cat(sprintf('    "expected_events": %.10g,\n', p$expectedNumberOfEvents[i]))
  cat(sprintf('    "study_months": %.10g,\n', p$studyDuration[i]))
  cat(sprintf('    "look_months": %s\n  }%s\n', list_of(p$analysisTime[, i]), c(",", "")[i]))
}
cat("}\n")
