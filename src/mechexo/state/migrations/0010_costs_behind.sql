ALTER TABLE trade_costs ADD COLUMN markout_fills TEXT;
ALTER TABLE trade_costs ADD COLUMN slippage_statistics TEXT;
