"""What the rules ask: file names, experiments, products; pure functions of the checked config. No torch, no pandas."""
