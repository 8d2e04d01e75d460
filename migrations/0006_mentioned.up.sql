-- The tenant's orders and products that bear one of the numbers. A function, so that the statement which stores messages
-- can ask on its way and pays nothing for messages without numbers.
create function mentioned(numbers text[])
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
revoke all on function mentioned(text[]) from public;
grant execute on function mentioned(text[]) to easyflow_app;
