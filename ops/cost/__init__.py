"""What a stack costs a month, by service: a dated table of prices, a workload, and arithmetic that shows itself."""
