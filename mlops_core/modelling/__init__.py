"""What training, judging and serving are made of: tables, trees, calibration, metrics, words."""
