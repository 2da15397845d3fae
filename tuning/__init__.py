"""What the model learns: base models, study, examples, training, search, the four sides and their evaluation."""
