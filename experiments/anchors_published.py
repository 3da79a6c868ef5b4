"""Published test RMSE on the same splits of the UCI sets, mean over splits.

One small network, 20 splits (5 of protein): PBP and Deep Ensembles (Lakshminarayanan et al. 2017,
table 1), MC dropout (readme of yaringal/DropoutUncertaintyExps, 2018), TAGI (readme of the pytagi
benchmarks), concrete dropout and NGBoost (a secondary table). Any method: readme of
ayhamo/Probabilistic_Point_Estimations (2025), where XGBoost's options for concrete, power and
protein were searched on the test rows of split 0; CARD and WGBoost (secondary).
"""

SMALL_NETWORKS = {
    "uci_boston": ("concrete dropout", 2.65),
    "uci_concrete": ("concrete dropout", 4.46),
    "uci_energy": ("concrete dropout", 0.46),
    "uci_kin8nm": ("concrete dropout", 0.07),
    "uci_naval": ("MC dropout", 0.0007),
    "uci_power": ("concrete dropout", 3.70),
    "uci_protein": ("concrete dropout", 3.85),
    "uci_wine_red": ("MC dropout", 0.62),
    "uci_yacht": ("concrete dropout", 0.57),
}
# Networks of any size, trained on the set alone.
NEURAL = {**SMALL_NETWORKS, "uci_boston": ("CARD", 2.61), "uci_kin8nm": ("CARD", 0.0632)}
# Trees, Gaussian processes and a pretrained transformer included.
ANY = {
    "uci_boston": ("CARD", 2.61),
    "uci_concrete": ("TabPFN", 3.864),
    "uci_energy": ("XGBoost", 0.3215),
    "uci_kin8nm": ("CARD", 0.0632),
    "uci_naval": ("TabPFN", 0.0001),
    "uci_power": ("TabPFN", 3.005),
    "uci_protein": ("XGBoost", 3.356),
    "uci_wine_red": ("XGBoost", 0.564),
    "uci_yacht": ("TabPFN", 0.4165),
}
