create or replace function mentioned(numbers text[])
    returns table (number text, order_id uuid, product_id uuid, at timestamptz)
    language plpgsql stable as $$
#variable_conflict use_column
begin
    if cardinality(numbers) = 0 then
        return;
    end if;
    -- a number that a thousand things bear identifies none of them
    return query
        (select external_id, id, null::uuid, ordered_at from orders
          where tenant_id = current_tenant() and external_id = any(numbers) limit 1000)
        union all
        (select external_number, id, null, ordered_at from orders
          where tenant_id = current_tenant() and external_number = any(numbers) limit 1000)
        union all
        (select sku, null, id, updated_at from products
          where tenant_id = current_tenant() and sku = any(numbers) and sku <> '' limit 1000)
        union all
        (select external_id, null, id, updated_at from products
          where tenant_id = current_tenant() and external_id = any(numbers) limit 1000);
end
$$;
